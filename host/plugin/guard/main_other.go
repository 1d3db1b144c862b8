//go:build !linux

package guard

// Main refuses: plugins run as processes on Linux alone, where what they start
// can be ended with them.
func Main() int { return 1 }
