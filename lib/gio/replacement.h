/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <sys/stat.h>

#include "task.h"

G_BEGIN_DECLS

typedef enum
{
  GURING_REPLACE, /* what does not exist is there when all is written */
  GURING_REPLACE_OR_CREATE,
  GURING_CREATE, /* it must not exist */
} GuringReplacementKind;

/* A file that gets new contents: a descriptor to write them to, and what makes them count. It is
 * the data of a task, or the beginning of that. */
typedef struct
{
  gchar *path; /* of the file itself, behind its symbolic links */
  gchar *etag; /* (nullable): that it has to have, if it exists; then the one that it got */
  gboolean make_backup;
  GFileCreateFlags flags;
  GuringReplacementKind kind;
  guint mode; /* of a file that is made */
  GuringStepFunc opened;
  GuringStepFunc committed;
  void (*pass_to_gio) (GuringTask *task); /* what GIO itself does better; nothing has happened */

  int fd;                /* to write to, or -1 */
  gchar *temporary_path; /* NULL if that is the file itself */
  gchar *backup_path;    /* (nullable) */
  gboolean is_moved;     /* the old file has the name of the backup only */
  gboolean is_created;   /* nothing was there before: removed if it fails */

  gboolean is_resolved;
  gboolean exists;
  int original_fd;
  struct stat original;
  guint n_attempts; /* at names that come and go */
  guint n_in_use;   /* temporary files, by others who replace it, too */
} GuringReplacement;

void guring_replacement_init (GuringReplacement *replacement,
                              const gchar *path,
                              const gchar *etag,
                              gboolean make_backup,
                              GFileCreateFlags flags);
void guring_replacement_clear (GuringReplacement *replacement);
GuringReplacement *guring_replacement_new (const gchar *path,
                                           const gchar *etag,
                                           gboolean make_backup,
                                           GFileCreateFlags flags);
void guring_replacement_free (gpointer replacement);

/* @opened gets 0, also when it was cancelled meanwhile. An error ends the task. */
void guring_replacement_open (GuringTask *task, GuringStepFunc opened);
/* @committed gets 0; guring_task_return_res() will do. An error ends the task. */
void guring_replacement_commit (GuringTask *task, GuringStepFunc committed);
/* Returns: whether the task goes on after a step; else it has ended, and nothing has changed */
gboolean guring_replacement_check (GuringTask *task, gint32 res);
void guring_replacement_fail (GuringTask *task, int error_number);
void guring_replacement_discard (GuringReplacement *replacement);

G_END_DECLS
