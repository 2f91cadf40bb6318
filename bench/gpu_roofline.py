#!/usr/bin/env python3
# Expected times of a pass on GPUs that nobody has measured: rooflines with stated efficiencies, for
# docs/gpu-performance.md. Estimates. `waterline doctor --device cuda` measures.
# SPDX-License-Identifier: Apache-2.0
"""bench/gpu_roofline.py: prints the tables of docs/gpu-performance.md."""

# Dense bf16 TFLOP/s with f32 sums, TB/s, multiprocessors, GHz, and the share of the peak that an
# mma.sync GEMM reaches on large shapes: 0.7 to 0.8 of what libraries do on sm_80 and sm_89, 0.5 to 0.6
# on sm_90, where only wgmma reaches the peak.
GPUS = {
    "A100": (312, 2.04, 108, 1.41, 0.60),
    "H100": (989, 3.35, 132, 1.75, 0.40),
    "RTX 4090": (165, 1.01, 128, 2.52, 0.70),
}
MODELS = {"small": (6, 768), "medium": (12, 768), "large": (24, 1024)}  # Layers, hidden size.
SHAPES = ((64, 64), (512, 128), (4096, 128), (16384, 128), (10640, 380))  # Tokens, of them a text.

TILE_INSTRUCTIONS = 2000  # A warp's for 64 x 64 scores of disentangled attention (SASS of sm_80).
TILE_PRODUCTS = 144  # mma.m16n8k16 of these.
PRODUCT_CYCLES = {"A100": 8, "H100": 8, "RTX 4090": 32}  # Of a sub-core, for one of them.
LAUNCH = 2.2  # Microseconds from one small kernel in a stream to the next.
BANDWIDTH = 0.75  # Share of the peak that kernels bound by memory reach.


def gemm(gpu, rows, out, inner, in_bytes, out_bytes):
    """Microseconds of a product, with its operands read once and whole waves of 128 x 128 tiles."""
    flops, bandwidth, processors, _, share = GPUS[gpu]
    tiles = -(-rows // 128) * -(-out // 128)
    waves = -(-tiles // processors) * processors / max(1.0, rows / 128 * out / 128)
    compute = 2 * rows * out * inner / (flops * share * 1e6) * min(waves, 3)
    traffic = rows * inner * in_bytes + out * inner * 2 + rows * out * out_bytes
    return max(compute, traffic / (bandwidth * BANDWIDTH * 1e6))


def layer(gpu, tokens, length, width):
    """Microseconds of the kernels of one DeBERTa layer; hidden states are f32 in memory."""
    _, bandwidth, processors, clock, _ = GPUS[gpu]

    def moved(floats, bytes_each):
        return floats * bytes_each / (bandwidth * BANDWIDTH * 1e6)

    rounded = moved(tokens * width, 4 + 2)  # To the operands of a product.
    blocks = -(-length // 64)
    tiles = tokens / length * (width // 64) * blocks**2
    cycles = max(TILE_INSTRUCTIONS, TILE_PRODUCTS * PRODUCT_CYCLES[gpu]) * 1.5  # Latency, barriers.
    return {
        "queries, keys, values": rounded + gemm(gpu, tokens, 3 * width, width, 2, 4),
        "attention": max(tiles / (processors * clock * 1e3), blocks / (clock * 1e3)) * cycles,
        "attention output": rounded + gemm(gpu, tokens, width, width, 2, 4),
        "feed-forward": rounded
        + gemm(gpu, tokens, 4 * width, width, 2, 2)
        + gemm(gpu, tokens, width, 4 * width, 2, 4),
        "norms": 2 * moved(3 * tokens * width, 4),
    }


def main():
    print("| model | GPU | tokens | a text | ms a pass | texts/s | products | attention | norms, rounding |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for model, (layers, width) in MODELS.items():
        for gpu in GPUS:
            for tokens, length in SHAPES:
                times = layer(gpu, tokens, length, width)
                kernels = 10 * layers + 20
                total = max(sum(times.values()) * layers, kernels * LAUNCH) / 1e3
                both = sum(times.values())
                rounding = 3 * tokens * width * 6 / (GPUS[gpu][1] * BANDWIDTH * 1e6)
                memory = (times["norms"] + rounding) / both
                attention = times["attention"] / both
                print(
                    f"| {model} | {gpu} | {tokens:,} | {length} | {total:.2f} | "
                    f"{tokens / length / total * 1e3:,.0f} | {1 - memory - attention:.0%} | "
                    f"{attention:.0%} | {memory:.0%} |"
                )


if __name__ == "__main__":
    main()
