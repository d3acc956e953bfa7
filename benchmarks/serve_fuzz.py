"""The HTTP service against its own OpenAPI: ``python -m benchmarks.serve_fuzz [--examples N]``.

Starts ``riskml serve`` with a binary and a survival model and lets schemathesis ask every address, with all of its
checks: examples, every boundary of the schema on both sides, and random requests, valid and broken. Prints its summary;
the exit code is 0 where nothing failed.

One setting differs from its defaults: a request that the schema allows may still be answered with 422. JSON Schema can
say how a value is written; that two values cannot be true together, that a text in some unit lies outside its range, or
that one month must come before another, it cannot. For CDS Hooks 412 is such an answer, too: it says that the data that
a card needs did not come with the request.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.serve_load import MODELS, served

CONFIG = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "412", "422"]
"""
SERVED = ("efs", "non_response")
# The time that the service allows itself for a thousand patients, and a little more for a machine that does other work.
PATIENCE_SECONDS = 70


def main() -> None:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="random requests an address")
    parser.add_argument("--phases", default="examples,coverage,fuzzing", help="of schemathesis")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for model in SERVED:
            shutil.copytree(MODELS / model / "bundle", home / "models" / model)
        (home / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
        with served("--rate", "0", models=home / "models") as (_, port):
            words = ["run", f"http://127.0.0.1:{port}/openapi.json", "--checks", "all", "--continue-on-failure"]
            words += ["--phases", options.phases, "--max-examples", str(options.examples)]
            words += ["--seed", str(options.seed)]
            words += ["--request-timeout", str(PATIENCE_SECONDS), "--max-response-time", str(PATIENCE_SECONDS)]
            tool = Path(sys.executable).with_name("schemathesis")
            done = subprocess.run([str(tool), *words], cwd=home, env={**os.environ, "NO_COLOR": "1"}, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
