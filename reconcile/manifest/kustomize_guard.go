package manifest

import (
	"path"
	"regexp"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// entry is a path that a kustomization, or the configuration of a built-in plugin, names.
type entry struct {
	key  string // as "resources"
	text string
	line int
}

// pathKeys are the fields whose texts kustomize reads as paths or remote addresses, at any depth.
var pathKeys = map[string]bool{
	"resources": true, "bases": true, "components": true, "crds": true, "configurations": true, "path": true, "paths": true,
	"generators": true, "transformers": true, "validators": true, "patchesStrategicMerge": true,
	"files": true, "envs": true, "env": true, "targetFilePath": true,
}

// inlineKeys may hold a plugin's configuration instead of a path to it.
var inlineKeys = map[string]bool{"generators": true, "transformers": true, "validators": true}

// freeKeys hold the user's own texts, whatever their keys are called.
var freeKeys = map[string]bool{
	"commonAnnotations": true, "commonLabels": true, "labels": true, "annotations": true, "literals": true, "patch": true,
	"metadata": true,
}

// entriesOf lists the paths below node; before is the number of lines in front of it.
func entriesOf(node *yamlv3.Node, before int) []entry {
	node = resolve(node)
	var entries []entry
	if node.Kind == yamlv3.SequenceNode {
		for _, item := range node.Content {
			entries = append(entries, entriesOf(item, before)...)
		}
	}
	if node.Kind != yamlv3.MappingNode {
		return entries
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i].Value, resolve(node.Content[i+1])
		if freeKeys[key] {
			continue
		}
		if pathKeys[key] {
			entries = append(entries, scalarEntries(key, value, before)...)
		}
		entries = append(entries, entriesOf(value, before)...)
	}
	return entries
}

func scalarEntries(key string, value *yamlv3.Node, before int) []entry {
	scalars := []*yamlv3.Node{value}
	if value.Kind == yamlv3.SequenceNode {
		scalars = value.Content
	}
	var entries []entry
	for _, scalar := range scalars {
		scalar = resolve(scalar)
		if scalar.Kind != yamlv3.ScalarNode {
			continue
		}
		inline, err := parseNode([]byte(scalar.Value))
		switch {
		case err == nil && inline != nil && inline.Kind == yamlv3.MappingNode:
			if inlineKeys[key] {
				entries = append(entries, entriesOf(inline, before+scalar.Line-1)...)
			}
		case strings.Contains(scalar.Value, "\n"):
		default:
			entries = append(entries, entry{key, scalar.Value, before + scalar.Line})
		}
	}
	return entries
}

// file is the path of an entry; that of a generator's files may have a key in front.
func (e entry) file() string {
	if e.key == "files" {
		if _, file, hasKey := strings.Cut(e.text, "="); hasKey {
			return file
		}
	}
	return e.text
}

// remote is whatever kustomize might take for a repository or URL; letter case is free. A local path of this form can be
// written with "./" in front.
var remote = regexp.MustCompile(`(?i)^(git::|[a-z][a-z0-9-]*@|github\.com[/:])|://`)

// checkEntry refuses what is not in the tree. The paths in "path" may be those of fields, so whether they exist is not asked.
func checkEntry(file string, e entry, exists func(string) bool) *Error {
	at, name := Position{file, e.line}, e.file()
	switch target := path.Join(path.Dir(file), name); {
	case remote.MatchString(name) || remote.MatchString(e.text):
		return errorAt(at, "%s: %q is remote; rendering uses no network, so copy it into the repository", e.key, e.text)
	case path.IsAbs(name):
		return errorAt(at, "%s: %q is an absolute path; name it from this file's directory", e.key, e.text)
	case target == ".." || strings.HasPrefix(target, "../"):
		return errorAt(at, "%s: %q leaves the tree of manifests; move it inside", e.key, e.text)
	case e.key != "path" && !exists(target):
		return errorAt(at, "%s: there is no %s", e.key, target)
	}
	return nil
}

// checkKustomization refuses whatever in a file could make kustomize run a program, use the network or leave the tree. It is
// asked of every file that kustomize reads, before kustomize sees it.
func checkKustomization(file string, content []byte, limits Limits, exists func(string) bool) *Error {
	text, refused := clean(file, content)
	isKustomization := slices.Contains(kustomizationNames, path.Base(file))
	if refused != nil && isKustomization {
		return refused
	}
	for _, p := range split(text) {
		root, err := parseNode(p.text)
		if err != nil && isKustomization {
			return errorAt(syntaxPosition(Position{file, p.before + 1}, p, err), "%s", syntaxText(err))
		}
		if err != nil || root == nil {
			continue // a text of the user's, or kustomize's to complain about
		}
		_, version := child(root, "apiVersion")
		if err := checkNodes(file, p.before, root, limits); err != nil && (version != nil || isKustomization || err.limit) {
			return err
		}
		if isKustomization || version != nil && resolve(version).Value == "builtin" {
			if err := checkConfiguration(file, p.before, root, exists); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkConfiguration(file string, before int, root *yamlv3.Node, exists func(string) bool) *Error {
	for _, key := range []string{"helmCharts", "helmChartInflationGenerator"} {
		if at, _ := child(root, key); at != nil {
			return errorAt(Position{file, before + at.Line}, "%s: rendering runs no programs, so not helm either; put the rendered manifests into the repository", key)
		}
	}
	for _, e := range entriesOf(root, before) {
		if err := checkEntry(file, e, exists); err != nil {
			return err
		}
	}
	return nil
}

// collectNamed adds all files and directories that the kustomization of dir names, and those named by them in turn.
func (t *tree) collectNamed(dir string, named map[string]bool) {
	for _, name := range kustomizationNames {
		file := path.Join(dir, name)
		content, err := t.read(file)
		if err != nil {
			continue
		}
		root, err := parseNode(content)
		if err != nil || root == nil {
			return
		}
		for _, e := range entriesOf(root, 0) {
			target := path.Join(dir, e.file())
			if !named[target] && target != dir {
				named[target] = true
				t.collectNamed(target, named)
			}
		}
	}
}

// isComponent says whether dir holds a part for other kustomizations, which cannot be rendered alone.
func (t *tree) isComponent(dir string) bool {
	for _, name := range kustomizationNames {
		if content, err := t.read(path.Join(dir, name)); err == nil {
			root, err := parseNode(content)
			if err != nil || root == nil {
				return false
			}
			_, kind := child(root, "kind")
			return kind != nil && resolve(kind).Value == "Component"
		}
	}
	return false
}
