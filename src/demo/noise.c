/*
 * noise: value noise over an integer lattice, from a hash of the lattice point, so that nothing is
 * stored and any point can be asked in any order. Octaves halve in size and weight. Pure functions.
 */
#include "noise.h"

#include <math.h>

static uint32_t hash(uint32_t seed, int x, int y)
{
	uint32_t h = seed ^ ((uint32_t)x * 0x9e3779b1u) ^ ((uint32_t)y * 0x85ebca77u);

	h = (h ^ (h >> 15)) * 0x2c1b3c6du;
	h = (h ^ (h >> 12)) * 0x297a2d39u;
	return h ^ (h >> 15);
}

float noise_cell(uint32_t seed, int x, int y)
{
	return (float)(hash(seed, x, y) >> 8) * (1.0f / 16777216.0f);
}

static int floor_int(float v)
{
	int i = (int)v;

	return i - (v < (float)i);
}

static float smooth(float t)
{
	return t * t * (3 - 2 * t);
}

float noise_line(uint32_t seed, float x)
{
	int i = floor_int(x);
	float a = noise_cell(seed, i, 0), b = noise_cell(seed, i + 1, 0);

	return a + (b - a) * smooth(x - (float)i);
}

float noise_plane(uint32_t seed, float x, float y)
{
	int i = floor_int(x), j = floor_int(y);
	float u = smooth(x - (float)i), v = smooth(y - (float)j);
	float a = noise_cell(seed, i, j), b = noise_cell(seed, i + 1, j);
	float c = noise_cell(seed, i, j + 1), d = noise_cell(seed, i + 1, j + 1);

	a += (b - a) * u;
	c += (d - c) * u;
	return a + (c - a) * v;
}

float noise_line_fbm(uint32_t seed, float x, int octaves)
{
	float sum = 0, weight = 0.5f;

	for (int i = 0; i < octaves; i++, weight /= 2, x = x * 2.03f + 17.3f)
		sum += weight * noise_line(seed + (uint32_t)i, x);
	return sum / (1 - 2 * weight);
}

float noise_plane_fbm(uint32_t seed, float x, float y, int octaves)
{
	float sum = 0, weight = 0.5f;

	for (int i = 0; i < octaves; i++, weight /= 2, x = x * 2.03f + 17.3f, y = y * 2.03f + 9.1f)
		sum += weight * noise_plane(seed + (uint32_t)i, x, y);
	return sum / (1 - 2 * weight);
}

float noise_line_ridge(uint32_t seed, float x, int octaves)
{
	float sum = 0, weight = 0.5f;

	for (int i = 0; i < octaves; i++, weight *= 0.47f, x = x * 2.07f + 5.7f)
		sum += weight * (1 - fabsf(2 * noise_line(seed + (uint32_t)i, x) - 1));
	return sum / 0.943f;
}
