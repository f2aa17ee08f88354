"""What flat.py runs, in Triton's language: convolutions, poolings, and what is around them.

A map of C channels, H by W, lies in memory as rows of C numbers, position after position, and after
each row of the map comes one position of zeros: H * (W + 1) rows, "flat". A neighbour of a position
is then a fixed number of rows away, also over the left and right edge, where it is the 0 that a
border is; above and below all rows, reading gives 0. So a convolution of three by three is nine
products of matrices, each of a block of rows some rows further on (the implicit product of Chetlur
et al. 2014), which GPUs of NVIDIA from Hopper on fetch by themselves while they multiply.

What comes after a convolution, bias and ReLU, is done before it is written, and on the way back
what a Gram matrix adds and where the ReLU cut off: as passes of their own, they take half as long
again.
"""

import triton
import triton.language as tl


@triton.jit
def convolve(
    x,
    kernels,
    bias,
    gram_rows,
    factor,
    added,
    made,
    out,
    wide,
    C: tl.constexpr,
    N: tl.constexpr,
    TAPS: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
):
    """Make a block of rows ``out`` (P, N); every argument but ``out`` may be None.

    It is the convolution of ``x`` (P, C) with ``kernels`` (TAPS * N, C), tap after tap; plus
    ``bias`` (N,), and cut off at 0; or plus ``gram_rows`` (P, N) times ``factor`` (N, N), which is
    symmetric, plus ``added`` (P, N), and 0 where ``made`` (P, N) is. There are nine taps, or one.
    """
    # on one axis, the only one that is long enough; blocks of the same rows follow each other
    across: tl.constexpr = N // BN
    n = tl.program_id(0) % across * BN
    p = tl.program_id(0) // across * BM
    total = tl.zeros((BM, BN), dtype=tl.float32)
    if x is not None:
        chunks: tl.constexpr = C // BK
        for k in range(TAPS * chunks):
            tap = k // chunks
            c = (k % chunks) * BK
            away = 0
            if TAPS == 9:
                away = (tap // 3 - 1) * wide + tap % 3 - 1
            total = tl.dot(x.load([p + away, c]), kernels.load([tap * N + n, c]).T, total)
    if gram_rows is not None:
        for k in range(N // BK):
            total = tl.dot(gram_rows.load([p, k * BK]), factor.load([n, k * BK]).T, total)
    if added is not None:
        total += added.load([p, n]).to(tl.float32)
    if bias is not None:
        total += tl.load(bias + n + tl.arange(0, BN))[None, :].to(tl.float32)
        inside = (p + tl.arange(0, BM)) % wide != wide - 1
        total = tl.where(inside[:, None], tl.maximum(total, 0.0), 0.0)
    if made is not None:
        total = tl.where(made.load([p, n]) > 0, total, 0.0)
    out.store([p, n], total.to(out.dtype))


@triton.jit
def pool(x, out, height, width, C: tl.constexpr, BP: tl.constexpr):
    """Make BP rows of maxima over squares of two by two."""
    tall, broad = height // 2, width // 2
    q = tl.program_id(0) * BP + tl.arange(0, BP)
    channel = tl.arange(0, C)[None, :]
    row, column = q // (broad + 1), q % (broad + 1)
    there = (row < tall)[:, None]
    inside = there & (column < broad)[:, None]
    corner = (2 * row * (width + 1) + 2 * column).to(tl.int64)[:, None] * C + channel
    down = (width + 1) * C
    top = tl.maximum(
        tl.load(x + corner, mask=inside, other=0.0), tl.load(x + corner + C, mask=inside, other=0.0)
    )
    bottom = tl.maximum(
        tl.load(x + corner + down, mask=inside, other=0.0),
        tl.load(x + corner + down + C, mask=inside, other=0.0),
    )
    tl.store(out + q.to(tl.int64)[:, None] * C + channel, tl.maximum(top, bottom), mask=there)


@triton.jit
def pool_back(x, grad, out, height, width, C: tl.constexpr, BP: tl.constexpr, CUT: tl.constexpr):
    """Give BP gradients of maxima to the first of the four that each is, where CUT if over 0."""
    tall, broad = height // 2, width // 2
    across = (width + 2) // 2
    q = tl.program_id(0) * BP + tl.arange(0, BP)
    channel = tl.arange(0, C)[None, :]
    row, column = q // across, q % across
    pooled = ((row < tall) & (column < broad))[:, None]
    corner = (2 * row * (width + 1) + 2 * column).to(tl.int64)[:, None] * C + channel
    down = (width + 1) * C
    a = tl.load(x + corner, mask=pooled, other=0.0)
    b = tl.load(x + corner + C, mask=pooled, other=0.0)
    c = tl.load(x + corner + down, mask=pooled, other=0.0)
    d = tl.load(x + corner + down + C, mask=pooled, other=0.0)
    most = tl.maximum(tl.maximum(a, b), tl.maximum(c, d))
    place = (row * (broad + 1) + column).to(tl.int64)[:, None] * C + channel
    slope = tl.load(grad + place, mask=pooled, other=0.0)
    if CUT:
        slope = tl.where(most > 0, slope, 0.0)
    first = a == most
    second = (b == most) & (a < most)
    third = (c == most) & (a < most) & (b < most)
    fourth = (a < most) & (b < most) & (c < most)
    upper = (2 * row < height)[:, None]
    lower = (2 * row + 1 < height)[:, None]
    right = (2 * column + 1 < width + 1)[:, None]
    tl.store(out + corner, tl.where(first, slope, 0.0), mask=upper)
    tl.store(out + corner + C, tl.where(second, slope, 0.0), mask=upper & right)
    tl.store(out + corner + down, tl.where(third, slope, 0.0), mask=lower)
    tl.store(out + corner + down + C, tl.where(fourth, slope, 0.0), mask=lower & right)


@triton.jit
def enter(image, scale, shift, out, height, width, C: tl.constexpr, BP: tl.constexpr):
    """Scale and shift an image (3, H, W), and lay the nine around each position out beside it.

    Channel 3 * tap + colour of C, which are 27 and zeros. So few colours are no matrix to multiply.
    """
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    channel = tl.arange(0, C)[None, :]
    tap, colour = channel // 3, channel % 3
    row = (p // (width + 1))[:, None] + tap // 3 - 1
    column = (p % (width + 1))[:, None] + tap % 3 - 1
    there = (p < height * (width + 1))[:, None]
    inside = there & (tap < 9) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    factor = tl.load(scale + colour, mask=tap < 9, other=0.0)
    offset = tl.load(shift + colour, mask=tap < 9, other=0.0)
    place = colour * (height * width) + row * width + column
    value = tl.load(image + place, mask=inside, other=0.0) * factor + offset
    value = tl.where(inside, value, 0.0).to(out.dtype.element_ty)
    tl.store(out + p.to(tl.int64)[:, None] * C + channel, value, mask=there)


@triton.jit
def leave(grad, scale, out, height, width, C: tl.constexpr, BP: tl.constexpr):
    """Return the gradient in an image (3, H, W) from that in what ``enter`` made of it."""
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    row, column = (p // width)[None, :], (p % width)[None, :]
    colour = tl.arange(0, 4)[:, None]
    here = (row < height) & (colour < 3)
    total = tl.zeros((4, BP), dtype=tl.float32)
    for tap in range(9):
        # whom this position is beside: the tap looks back from there
        y, x = row + 1 - tap // 3, column + 1 - tap % 3
        inside = here & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        place = (y * (width + 1) + x).to(tl.int64) * C + 3 * tap + colour
        total += tl.load(grad + place, mask=inside, other=0.0).to(tl.float32)
    total *= tl.load(scale + colour, mask=colour < 3, other=0.0)
    tl.store(out + colour * (height * width) + p[None, :], total, mask=here)
