package sdktest

// RuleNames lists the ops that the interpreter computes.
func RuleNames() []string {
	var names []string
	inOrder(rules, func(name string, _ rule) { names = append(names, name) })
	return names
}
