"""Runs the README's curls word for word and holds their answers against the ones printed there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Between these headings of the README stand the commands (```sh) and, after each that answers, its answer (```json).
SECTION = re.compile(r"^## Six curls$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What is another one at every run: ids, times, digests, tokens, hashes, salts.
VOLATILE = re.compile(
    r"^(user:)?[0-9a-f]{8}-[0-9a-f-]{27}$|^\d{4}-\d\d-\d\dT[\d:.]+Z$|^[0-9a-f]{32,64}$|^cst_[\w-]{43}$"
)


def main() -> int:
    section = SECTION.search((ROOT / "README.md").read_text())
    assert section, "the README has a section `Six curls`"
    blocks = BLOCK.findall(section.group(1))
    curls = sum(text.count("curl ") for kind, text in blocks if kind == "sh")
    assert curls == 6, f"six curls, not {curls}"

    script, expected = ["set -euo pipefail"], []
    for kind, text in blocks:
        if kind == "json":
            expected.append(json.loads(text))
            script.append("printf '\\n\\036\\n'")
        else:
            script.append(text)
    with tempfile.TemporaryDirectory() as folder:
        # The commands name the keys' file of `make dev` and leave files of their own beside it.
        (Path(folder) / ".local" / "dev").mkdir(parents=True)
        (Path(folder) / ".local" / "dev" / "keys.env").write_text(Path(os.environ["COUNTERSIGN_KEYS_FILE"]).read_text())
        ran = subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=folder, env=os.environ, stdout=subprocess.PIPE, text=True, timeout=120
        )
    assert ran.returncode == 0, f"the commands failed: {ran.stdout}"
    answers = [json.loads(part) for part in ran.stdout.split("\n\036\n") if part.strip()]
    assert len(answers) == len(expected), f"{len(answers)} answers for {len(expected)} printed ones"
    for number, (answer, printed) in enumerate(zip(answers, expected), 1):
        differences = list(differ(printed, answer, "$"))
        assert not differences, f"answer {number} is not what the README prints:\n" + "\n".join(differences)
    print(f"{curls} curls, {len(answers)} answers as printed")
    return 0


def differ(printed, answer, path):
    """Where an answer is not the printed one, apart from what is another at every run."""
    if isinstance(printed, dict) and isinstance(answer, dict):
        for key in printed.keys() | answer.keys():
            if key not in printed or key not in answer:
                yield f"{path}.{key} is only {'printed' if key in printed else 'answered'}"
            else:
                yield from differ(printed[key], answer[key], f"{path}.{key}")
    elif isinstance(printed, list) and isinstance(answer, list):
        if len(printed) != len(answer):
            yield f"{path} has {len(answer)} elements, printed are {len(printed)}"
        for index, pair in enumerate(zip(printed, answer)):
            yield from differ(*pair, f"{path}[{index}]")
    elif printed != answer:
        both_volatile = all(isinstance(value, str) and VOLATILE.match(value) for value in (printed, answer))
        if not both_volatile:
            yield f"{path} is {answer!r}, printed is {printed!r}"


if __name__ == "__main__":
    sys.exit(main())
