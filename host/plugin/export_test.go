package plugin

// ReadManifest reads a descriptor as that of a plugin file called x.wasm.
func ReadManifest(data string) error {
	p := &Plugin{Info: Info{Path: "x.wasm"}}
	return p.readManifest([]byte(data))
}

// Payload takes the reply of such a plugin apart.
func Payload(reply string) ([]byte, error) {
	return Info{Path: "x.wasm"}.payload("describe", []byte(reply))
}

// CheckTrace checks the trace of a loss of such a plugin.
func CheckTrace(reply string) error {
	p := &Plugin{Info: Info{Path: "x.wasm"}}
	_, err := (&Component{Kind: Loss, Name: "l", Plugin: p}).check([]byte(reply))
	return err
}
