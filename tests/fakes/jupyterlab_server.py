"""Stands for JupyterLab: run as ``python -m jupyterlab``, it is a real web server with the same options and files.

Knows what the application relies on: the options, the file with address and token, the answer to ``/api``, the token in
what it prints, kernels as children. `FAKE_JUPYTER` changes it: ``fails`` ends at once, ``silent`` never answers,
``ends`` ends after its first page, as with *Shut Down*.
"""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = self.path.startswith("/api") or self.path.endswith(f"token={os.environ['JUPYTER_TOKEN']}")
        self.send_response(200 if allowed else 403)
        self.end_headers()
        self.wfile.write(b"{}")
        if os.environ.get("FAKE_JUPYTER") == "ends" and self.path.startswith("/lab"):
            threading.Thread(target=self.server.shutdown).start()

    def log_message(self, text: str, *values: object) -> None:
        print(text % values, file=sys.stderr, flush=True)


def main() -> None:
    if os.environ.get("FAKE_JUPYTER") == "fails":
        print("started with token=" + os.environ["JUPYTER_TOKEN"], file=sys.stderr)
        sys.exit("ModuleNotFoundError: No module named 'tornado'")
    options = dict(argument[2:].split("=", 1) for argument in sys.argv[1:] if "=" in argument)
    assert "--no-browser" in sys.argv
    if os.name != "nt" and os.geteuid() == 0 and options.get("ServerApp.allow_root") != "True":
        sys.exit("Running as root is not recommended. Use --allow-root to bypass.")
    address = options["ServerApp.ip"], int(options["ServerApp.port"])
    server = http.server.ThreadingHTTPServer(address, Handler)
    kernel = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    runtime = pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"])
    told = {
        "base_url": "/",
        "port": server.server_port,
        "root_dir": options["ServerApp.root_dir"],
        "secure": False,
        "token": os.environ["JUPYTER_TOKEN"],
        "pid": os.getpid(),
        "kernel": kernel.pid,
        "path": sys.path,
        "variables": dict(os.environ),
        "options": options,
    }
    record = pathlib.Path(os.environ.get("FAKE_JUPYTER_RECORD", os.devnull))
    record.write_text(json.dumps(told))
    if os.environ.get("FAKE_JUPYTER") != "silent":
        (runtime / f"jpserver-{os.getpid()}.json").write_text(json.dumps(told))
    print(f"http://127.0.0.1:{server.server_port}/lab?token={told['token']}", file=sys.stderr, flush=True)
    server.serve_forever(poll_interval=0.05)
    kernel.kill()
    server.server_close()


main()
