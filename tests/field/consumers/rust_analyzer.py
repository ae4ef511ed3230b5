"""Has rust-analyzer read the golden `rustc` file as the output of its check command, the way an editor has it do so.

Starts it on a package of its own, opens and saves the file that the report is about, and looks at the diagnostics that it publishes.
Usage: rust_analyzer.py GOLDEN FOLDER
"""

import json
import os
import pathlib
import subprocess
import sys
import time

SECONDS = 120


def package(folder, golden):
    """A package whose `src/bank.rs` has the lines of the report."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "bank"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n')
    (folder / "src/lib.rs").write_text("pub mod bank;\n")
    file = folder / "src/bank.rs"
    file.write_text("".join(f"// a line of the report, number {number:4}\n" for number in range(1, 40)))
    output = folder / "messages.jsonl"
    output.write_text(golden.read_text(encoding="utf-8").split("---\n", 2)[2], encoding="utf-8")
    return file, output


class Server:
    """rust-analyzer, spoken to over its standard streams."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["rust-analyzer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder
        )

    def send(self, method, params, **more):
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.write(body)

    def write(self, body):
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def read(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            name, value = line.split(b":", 1)
            length = int(value) if name.lower() == b"content-length" else length
        return json.loads(self.process.stdout.read(length)) if length else None


def diagnostics(folder, file, output):
    """What is published about the file once the check command has run."""
    server = Server(folder)
    options = {"check": {"overrideCommand": ["cat", str(output)]}, "cargo": {"buildScripts": {"enable": False}}}
    related = {"textDocument": {"publishDiagnostics": {"relatedInformation": True}}}
    server.send(
        "initialize",
        {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": related, "initializationOptions": options},
        id=1,
    )
    document = {"uri": file.as_uri(), "languageId": "rust", "version": 1, "text": file.read_text()}
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end and (message := server.read()):
            if message.get("id") == 1 and "result" in message:
                server.send("initialized", {})
                server.send("textDocument/didOpen", {"textDocument": document})
                server.send("textDocument/didSave", {"textDocument": {"uri": file.as_uri()}})
            elif "id" in message and "method" in message:
                server.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": None}).encode())
            elif message.get("method") == "textDocument/publishDiagnostics" and message["params"]["diagnostics"]:
                return message["params"]["diagnostics"]
    finally:
        server.process.kill()
    raise SystemExit("rust-analyzer published nothing")


def main():
    golden, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    found = diagnostics(folder, *package(folder, golden))
    [error] = [one for one in found if one["severity"] == 1]
    assert error["code"] == "LD0003", error
    others = [(one["location"]["range"]["start"]["line"], one["message"]) for one in error["relatedInformation"]]
    lines = {error["range"]["start"]["line"], *(line for line, _ in others)}
    assert lines == {9, 10, 19, 20}, lines
    assert len(others) == len(set(others)), f"a place is shown twice: {others}"
    print(f"rustc: rust-analyzer underlines {len(lines)} places")


if __name__ == "__main__":
    main()
