// An array that registers cannot hold, because its index is known when the kernel runs only. The
// build must refuse it. SPDX-License-Identifier: Apache-2.0
__global__ void Permute(float* p, int n) {
  float numbers[64];
  for (int i = 0; i < 64; ++i) numbers[i] = p[i];
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += numbers[(i * 7 + n) & 63];
  p[0] = sum;
}
