package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"squarewatch/probe"
)

// credentialNames refuses references to credentials that the file does not have. It reports each unknown name once.
type credentialNames struct {
	reader *reader
	raw    *file
	first  map[string]*Error // by the unknown name
	more   map[string]int    // further probes with that name
}

// check checks the key credential of a mapping. place and path are those of its value.
func (c *credentialNames) check(mapping, place *yaml.Node, path, name string) {
	if value := child(mapping, "credential"); value != nil && value.Tag == nullTag {
		c.reader.fault(value, path, "is nothing; write none for no credential, or remove the key to get the default")
		return
	}
	if _, ok := c.raw.Credentials[name]; ok || name == probe.NoCredential {
		return
	}
	if c.first[name] != nil {
		c.more[name]++
		return
	}
	c.reader.fault(place, path, fmt.Sprintf("is %q, which is not defined; %s",
		name, oneOf("credentials", name, sortedKeys(c.raw.Credentials), probe.NoCredential)))
	c.first[name] = c.reader.errors[len(c.reader.errors)-1]
}

// count adds to the fault of each unknown name how many more probes have it.
func (c *credentialNames) count() {
	for name, more := range c.more {
		c.first[name].Problem += fmt.Sprintf(" (%d more of the file's probes have it too)", more)
	}
}
