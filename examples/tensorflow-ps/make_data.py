"""Makes image-like data for the example: ten classes of blurred strokes, moved about and noisy.

usage: make_data.py DIRECTORY [TRAIN_IMAGES TEST_IMAGES]

Writes train.bin and test.bin. A record is one byte with the label (0 to 9) and 28 x 28 bytes of grey values.
Needs nothing but Python; the same arguments give the same bytes.
"""

import os
import random
import sys

SIDE = 28
CLASSES = 10
MARGIN = 3  # how far an image may be moved


def blur(image):
    """The mean of each pixel and its neighbours, twice."""
    for _ in range(2):
        image = [
            [
                sum(image[y2][x2] for y2 in range(max(y - 1, 0), min(y + 2, SIDE)) for x2 in range(max(x - 1, 0), min(x + 2, SIDE))) / 9
                for x in range(SIDE)
            ]
            for y in range(SIDE)
        ]
    return image


def prototype(rng):
    """One class: a few strokes inside the margin."""
    image = [[0.0] * SIDE for _ in range(SIDE)]
    for _ in range(4):
        x0, y0, x1, y1 = (rng.uniform(MARGIN + 1, SIDE - MARGIN - 2) for _ in range(4))
        for i in range(60):
            image[round(y0 + (y1 - y0) * i / 59)][round(x0 + (x1 - x0) * i / 59)] = 255.0
    image = blur(image)
    top = max(max(row) for row in image)
    return [[v / top * 200 for v in row] for row in image]


def record(rng, prototypes, label):
    """One noisy, moved image of a class, with its label in front."""
    dx, dy = rng.randint(-MARGIN, MARGIN), rng.randint(-MARGIN, MARGIN)
    noise = rng.randbytes(SIDE * SIDE)
    image = prototypes[label]
    out = bytearray([label])
    for y in range(SIDE):
        row = image[(y + dy) % SIDE]
        for x in range(SIDE):
            out.append(min(int(row[(x + dx) % SIDE] + noise[y * SIDE + x] / 4.6), 255))
    return out


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    directory = sys.argv[1]
    sizes = {"train.bin": 6000, "test.bin": 1000}
    if len(sys.argv) == 4:
        sizes = {"train.bin": int(sys.argv[2]), "test.bin": int(sys.argv[3])}
    rng = random.Random(1)
    prototypes = [prototype(rng) for _ in range(CLASSES)]
    os.makedirs(directory, exist_ok=True)
    for name, count in sizes.items():
        with open(os.path.join(directory, name), "wb") as f:
            for i in range(count):
                f.write(record(rng, prototypes, i % CLASSES if name == "test.bin" else rng.randrange(CLASSES)))
        print(f"{name}: {count} images")


if __name__ == "__main__":
    main()
