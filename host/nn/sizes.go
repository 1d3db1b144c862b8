package nn

import "fmt"

// CheckSize reports a number of config.json that counts something and is not at least 1.
func CheckSize(key string, value int64) error {
	if value < 1 {
		return fmt.Errorf("%s is %d; want at least 1", key, value)
	}
	return nil
}

// CheckOptional is CheckSize for a number that may be left out.
func CheckOptional(key string, value *int) error {
	if value == nil {
		return nil
	}
	return CheckSize(key, int64(*value))
}

// CheckRate reports a rate of dropout that is not from 0 up to 1.
func CheckRate(key string, value float64) error {
	if value < 0 || value >= 1 {
		return fmt.Errorf("%s is %v; want a number from 0 to below 1", key, value)
	}
	return nil
}

// CheckMultiple reports a size that another does not divide.
func CheckMultiple(key string, value int64, of string, divisor int64) error {
	if divisor > 0 && value%divisor != 0 {
		return fmt.Errorf("%s is %d; want a multiple of %s, %d", key, value, of, divisor)
	}
	return nil
}
