/* noise: smooth randomness in space, the same for the same seed. All results lie in 0 to 1. */
#ifndef PIMAGEFS_DEMO_NOISE_H
#define PIMAGEFS_DEMO_NOISE_H

#include <stdint.h>

/* One number for a lattice point. */
float noise_cell(uint32_t seed, int x, int y);
float noise_line(uint32_t seed, float x);
float noise_plane(uint32_t seed, float x, float y);
/* Several octaves of them. */
float noise_line_fbm(uint32_t seed, float x, int octaves);
float noise_plane_fbm(uint32_t seed, float x, float y, int octaves);
/* Octaves folded at their middle: crests. */
float noise_line_ridge(uint32_t seed, float x, int octaves);

#endif
