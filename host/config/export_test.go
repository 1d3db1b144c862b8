package config

// Parse is Load for a TOML text that is in memory; name stands for its path in
// errors.
func Parse(name, text string) (s Settings, notices []string, err error) {
	l := newLoader()
	l.readTOML(name, text)
	return l.finish()
}
