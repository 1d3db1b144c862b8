package objective

// NoiseOf is noiseOf.
var NoiseOf = noiseOf
