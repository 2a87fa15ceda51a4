"""A Chromium whose camera sees codes."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import segno
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

SIDE = (640, 480)


def camera_file(path: Path, codes: Sequence[str], frames_each: int = 8) -> Path:
    """What the camera sees, YUV4MPEG2 at 5 frames a second: each code for a while, a little off the middle, on grey."""
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F5:1 Ip A1:1 C420jpeg\n" % SIDE)
        for number, code in enumerate(codes):
            picture = io.BytesIO()
            segno.make(code, error="m", micro=False).save(picture, kind="png", scale=8, border=4)
            symbol = Image.open(picture).convert("L").rotate(7 * number, expand=True, fillcolor=255)
            frame = Image.new("L", SIDE, 120)
            frame.paste(symbol, (60 + 20 * number, 40))
            grey = bytes([128]) * (SIDE[0] * SIDE[1] // 2)
            file.write((b"FRAME\n" + frame.tobytes() + grey) * frames_each)
    return path


@contextmanager
def chromium_that_sees(camera: Path) -> Iterator[Browser]:
    """It asks nobody whether the camera may be used."""
    arguments = [
        "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield browser
        browser.close()
