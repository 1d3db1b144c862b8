package formatter

// Grows is grows.
var Grows = grows
