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

// ReadColumns reads what a formatter of such a plugin replies to configure.
func ReadColumns(reply string) error {
	p := &Plugin{Info: Info{Path: "x.wasm"}}
	_, _, err := (&Component{Kind: Formatter, Name: "f", Plugin: p}).configured([]byte(reply))
	return err
}

// Explained is what is shown of a plugin with a descriptor, "" where it is refused.
func Explained(data string) string {
	p := &Plugin{Info: Info{Path: "x.wasm"}, transport: builtinTransport{}}
	if p.readManifest([]byte(data)) != nil {
		return ""
	}
	text := p.heading()
	for _, c := range p.Components {
		text += c.Doc
		for _, param := range c.Params {
			text += valueText(param.Default) + rangeText(param) + param.Doc
		}
	}
	for _, t := range p.tasks {
		text += t.Doc + t.text()
	}
	return text
}
