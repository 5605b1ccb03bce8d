# SPDX-License-Identifier: LGPL-2.1-or-later

# Reads the installed headers, the library's sources and its version script, and writes the tables of
# public-call.h: each function that the headers declare, with what its doc comment says of its
# parameters; and what is exported.

BEGIN {
  print "/* Made by tests/public-calls.awk */\n"
  print "#include \"config.h\"\n\n#include \"public-call.h\"\n"
}

FILENAME ~ /\.h$/ { read_header() }
FILENAME ~ /\.c$/ { read_comment() }
FILENAME ~ /\.map$/ && /^  guring_/ { exported = exported "  \"" substr(trim($0), 1, length(trim($0)) - 1) "\",\n" }

# Declarations end with a semicolon and may take several lines.
function read_header ()
{
  if (/^G_DECLARE_/)
    {
      declaration = $0
      sub(/.*TYPE \([A-Za-z]*, /, "", declaration)
      sub(/,.*/, "", declaration)
      declare("GType " declaration "_get_type (void)")
    }
  if (/^GURING_(AVAILABLE|DEPRECATED)_IN_/)
    declaration = " "
  else if (declaration != "")
    declaration = declaration $0 " "
  if (/;$/)
    {
      if (declaration ~ /^ .*guring_.*\(/)
        declare(declaration)
      declaration = ""
    }
}

function declare (text,    name)
{
  gsub(/ +/, " ", text)
  sub(/^ /, "", text)
  sub(/\) ?;? ?$/, "", text)
  match(text, /guring_[a-z0-9_]* \(/)
  name = substr(text, RSTART, RLENGTH - 2)
  names[++n_names] = name
  returns[name] = trim(substr(text, 1, RSTART - 1))
  parameters[name] = substr(text, RSTART + RLENGTH)
}

function trim (text)
{
  gsub(/^ +| +$/, "", text)
  return text
}

function read_comment ()
{
  if (/^ \* guring_[a-z0-9_]*:/)
    {
      documented = $2
      sub(/:.*/, "", documented)
    }
  else if (/^ \*\//)
    documented = ""
  else if (documented != "" && /^ \* (@[a-z0-9_]*|Returns): \(/)
    {
      what = $2
      gsub(/[@:]/, "", what)
      annotations[documented, what] = $0
      if (match($0, /array length=[a-z_]*/))
        is_length[documented, substr($0, RSTART + 13, RLENGTH - 13)] = 1
    }
}

function get_member (type)
{
  return type ~ /\*$|^gpointer$/ ? "pointer" : type ~ /(Func|Callback|Notify)$/ ? "func" : "number"
}

# What GLib's documentation takes for granted is not annotated: errors and user data.
function get_flags (name, type, parameter,    text, flags)
{
  text = annotations[name, parameter]
  flags = get_member(type) == "number" ? "IS_NUMBER" : "0"
  if (is_length[name, parameter])
    flags = flags " | IS_LENGTH"
  if (text ~ /\(out[ )]/ ? text ~ /\(optional\)/ : text ~ /\(nullable\)/)
    flags = flags " | MAY_BE_NULL"
  else if (type == "GError **" || (type == "gpointer" && text !~ /\(array /))
    flags = flags " | MAY_BE_NULL"
  return flags
}

function write_call (name,    list, n, i, type, parameter, arguments, text)
{
  n = parameters[name] == "void" ? 0 : split(parameters[name], list, / ?, /)
  for (i = 1; i <= n; i++)
    {
      match(list[i], /[a-z0-9_]*$/)
      type = trim(substr(list[i], 1, RSTART - 1))
      parameter = substr(list[i], RSTART)
      arguments = arguments (i > 1 ? ", " : "") "(" type ") values[" i - 1 "]." get_member(type)
      row[name] = row[name] sprintf("    { \"%s\", \"%s\", %s },\n", parameter, type,
                                    get_flags(name, type, parameter))
    }

  printf "static Value\ncall_%s (const Value *values)\n{\n", name
  text = name " (" arguments ")"
  if (returns[name] == "void")
    printf "  %s;\n  return (Value){ 0 };\n}\n\n", text
  else
    printf "  return (Value){ .%s = %s%s };\n}\n\n", get_member(returns[name]),
           get_member(returns[name]) == "number" ? "(gint64) " : "", text
  n_parameters[name] = n
}

END {
  for (i = 1; i <= n_names; i++)
    write_call(names[i])

  print "const PublicCall public_calls[] = {"
  for (i = 1; i <= n_names; i++)
    {
      name = names[i]
      printf "  { \"%s\", \"%s\", call_%s, %s, %d, {\n%s  } },\n", name, returns[name], name,
             annotations[name, "Returns"] ~ /\(transfer full\)/ ? "TRUE" : "FALSE",
             n_parameters[name], row[name]
    }
  print "};\n\nconst guint n_public_calls = G_N_ELEMENTS (public_calls);\n"
  printf "const gchar *const exported_names[] = {\n%s  NULL\n};\n", exported
}
