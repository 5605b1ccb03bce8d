# SPDX-License-Identifier: LGPL-2.1-or-later

"""Web servers under wrk: each on the first CPU, the load on the second, if there is one."""

import contextlib
import os
import re
import shutil
import socket
import subprocess

COUNT_SECONDS = 1
NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  client_body_temp_path {directory};
  proxy_temp_path {directory};
  fastcgi_temp_path {directory};
  uwsgi_temp_path {directory};
  scgi_temp_path {directory};
  server {{ listen 127.0.0.1:{port}; root {directory}/http; }}
}}
"""


def pin(cpu):
    cpus = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cpus[cpu % len(cpus)]})


def find_free_port():
    with contextlib.closing(socket.create_server(('127.0.0.1', 0))) as listener:
        return listener.getsockname()[1]


def find_nginx():
    return shutil.which('nginx') or shutil.which('/usr/sbin/nginx')


def get_available():
    if not shutil.which('wrk'):
        return []
    return ['guring-gio', 'gio', *(['nginx'] if find_nginx() else [])]


def start_nginx(directory):
    port = find_free_port()
    with open(f'{directory}/nginx.conf', 'w', encoding='utf-8') as file:
        file.write(NGINX.format(directory=directory, port=port))
    # pylint: disable-next=consider-using-with
    server = subprocess.Popen([find_nginx(), '-c', f'{directory}/nginx.conf'], preexec_fn=pin(0),
                              stderr=subprocess.DEVNULL)
    while server.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port)).close()
            return server, port
    raise RuntimeError('nginx did not start')


def start_server(impl, directory):
    if impl == 'nginx':
        return start_nginx(directory)
    program = {'guring-gio': 'examples/http-server', 'gio': 'bench/http-gio'}[impl]
    # pylint: disable-next=consider-using-with
    server = subprocess.Popen([program, f'{directory}/http'], stdout=subprocess.PIPE, text=True,
                              preexec_fn=pin(0))
    return server, int(server.stdout.readline())


def get_cpu_ns(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        fields = file.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e9 / os.sysconf('SC_CLK_TCK')


def get_peak_rss(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return int(re.search(r'VmHWM:\s+(\d+)', file.read())[1])


def start_load(case, port, seconds):
    url = f'http://127.0.0.1:{port}/{case.name}'
    return subprocess.Popen(['wrk', '-t1', f'-c{case.depth}', f'-d{seconds}s', url],
                            stdout=subprocess.PIPE, text=True, preexec_fn=pin(1))


def finish_load(load):
    output = load.communicate()[0]
    if load.returncode != 0 or 'Non-2xx' in output or 'Socket errors' in output:
        raise RuntimeError(f'wrk: {output}')
    return int(re.search(r'(\d+) requests in', output)[1])


@contextlib.contextmanager
def running(impl, directory):
    server, port = start_server(impl, directory)
    try:
        yield server.pid, port
    finally:
        server.terminate()
        server.wait()


def run(case, impl, seconds, directory):
    """In the form of the program's other measurements."""
    with running(impl, directory) as (pid, port):
        before = get_cpu_ns(pid)
        n_requests = finish_load(start_load(case, port, seconds))
        return {'ops': n_requests, 'wall_ns': seconds * 1e9, 'cpu_ns': get_cpu_ns(pid) - before,
                'peak_rss_kib': get_peak_rss(pid)}


def count_syscalls(case, impl, program, directory):
    """Those of a second in the middle of the load, a request."""
    seconds = COUNT_SECONDS + 1
    with running(impl, directory) as (pid, port):
        load = start_load(case, port, seconds)
        count = subprocess.run([program, '--count-syscalls', str(pid), str(COUNT_SECONDS)],
                               capture_output=True, text=True, check=False)
        n_requests = finish_load(load) * COUNT_SECONDS / seconds
    return int(count.stdout) / n_requests if count.returncode == 0 else None
