package manifest

import (
	"fmt"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// resolve follows an alias to what it stands for.
func resolve(node *yamlv3.Node) *yamlv3.Node {
	for node != nil && node.Kind == yamlv3.AliasNode {
		node = node.Alias
	}
	return node
}

// find returns the key's node of a mapping, or the item of a sequence, at a path of strings and ints. A missing
// end gives nil.
func find(node *yamlv3.Node, path []any) *yamlv3.Node {
	var at *yamlv3.Node
	for _, step := range path {
		node = resolve(node)
		if node == nil {
			return nil
		}
		at, node = child(node, step)
		if at == nil {
			return nil
		}
	}
	return at
}

// child returns where a step is written and what it leads to.
func child(node *yamlv3.Node, step any) (at, value *yamlv3.Node) {
	switch step := step.(type) {
	case string:
		if node.Kind != yamlv3.MappingNode {
			return nil, nil
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i], node.Content[i+1]
			}
		}
	case int:
		if node.Kind == yamlv3.SequenceNode && step < len(node.Content) {
			return node.Content[step], node.Content[step]
		}
	}
	return nil, nil
}

func nodeText(node *yamlv3.Node) string {
	switch node.Kind {
	case yamlv3.SequenceNode:
		return "sequence"
	case yamlv3.MappingNode:
		return "mapping"
	}
	return "single value"
}

// checkNodes refuses duplicate keys, deep nesting, and documents that aliases blow up.
func checkNodes(file string, before int, root *yamlv3.Node, limits Limits) *Error {
	c := nodeCheck{file: file, before: before, limits: limits}
	return c.visit(root, 0)
}

type nodeCheck struct {
	file   string
	before int
	limits Limits
	nodes  int
}

func (c *nodeCheck) refuse(node *yamlv3.Node, format string, args ...any) *Error {
	return errorAt(Position{c.file, c.before + node.Line}, format, args...)
}

func (c *nodeCheck) exceed(node *yamlv3.Node, format string, limit int) *Error {
	err := c.refuse(node, format, limit)
	err.limit = true
	return err
}

func (c *nodeCheck) visit(node *yamlv3.Node, depth int) *Error {
	c.nodes++
	if c.nodes > c.limits.Nodes {
		return c.exceed(node, "document has more than %d values once its aliases are replaced", c.limits.Nodes)
	}
	if depth > c.limits.Depth {
		return c.exceed(node, "values are nested deeper than %d", c.limits.Depth)
	}
	if node.Kind == yamlv3.AliasNode {
		return c.visit(node.Alias, depth+1)
	}
	if node.Kind == yamlv3.MappingNode {
		if err := c.duplicates(node); err != nil {
			return err
		}
	}
	for _, child := range node.Content {
		if err := c.visit(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *nodeCheck) duplicates(mapping *yamlv3.Node) *Error {
	lines := make(map[string]int, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yamlv3.ScalarNode {
			return c.refuse(key, "a key is a %s; keys must be text", nodeText(resolve(key)))
		}
		if first, twice := lines[key.Value]; twice && key.Tag != "!!merge" {
			return c.refuse(key, "duplicate key %q, already at line %d; remove one of the two", key.Value, c.before+first)
		}
		lines[key.Value] = key.Line
	}
	return nil
}

// parsePath cuts a decoder's field path, as spec.containers[0].image, into strings and ints.
func parsePath(path string) []any {
	var steps []any
	for _, name := range strings.Split(path, ".") {
		name, indexes, _ := strings.Cut(name, "[")
		if name != "" {
			steps = append(steps, name)
		}
		for _, index := range strings.Split(strings.TrimSuffix(indexes, "]"), "][") {
			var i int
			if _, err := fmt.Sscanf(index, "%d", &i); err == nil {
				steps = append(steps, i)
			}
		}
	}
	return steps
}
