package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// document is one object of a file, before it is known whether the destination serves it.
type document struct {
	at        Position
	content   *unstructured.Unstructured
	digest    string
	positions positions
	root      *yamlv3.Node // dropped once the fields are checked
	lines     int          // lines of the file before root's
	encoded   []byte       // as JSON; dropped with root
}

// positions are lines that later checks point at.
type positions struct{ kind, name, namespace int }

func (d document) errorf(line int, format string, args ...any) *Error {
	at := d.at
	if line > 0 {
		at.Line = line
	}
	err := errorAt(at, format, args...)
	if d.content != nil {
		err.Object = KeyOf(d.content).String()
	}
	return err
}

// forget drops what only the checks of a fresh file need.
func (d document) forget() document {
	d.root, d.encoded = nil, nil
	return d
}

// parse splits a file into its documents, and Lists into their items.
func parse(file string, content []byte, limits Limits) ([]document, []*Error) {
	text, err := clean(file, content)
	if err != nil {
		return nil, []*Error{err}
	}
	var documents []document
	var errs []*Error
	for _, part := range split(text) {
		parsed, err := parsePart(file, part, limits)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		documents = append(documents, parsed...)
	}
	return documents, errs
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// clean refuses what is not text, and gives lines that end with \n.
func clean(file string, content []byte) ([]byte, *Error) {
	content = bytes.TrimPrefix(content, byteOrderMark)
	if i := bytes.IndexByte(content, 0); i >= 0 {
		return nil, errorAt(Position{file, lineOf(content, i)}, "file holds a NUL byte; is it text in UTF-8?")
	}
	if !utf8.Valid(content) {
		valid := 0
		for rest := content; ; {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size <= 1 {
				break
			}
			valid, rest = valid+size, rest[size:]
		}
		return nil, errorAt(Position{file, lineOf(content, valid)}, "file is not valid UTF-8; save it as UTF-8")
	}
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	if path.Ext(file) == ".json" {
		// JSON may be indented with tabs, which YAML forbids. In valid JSON a tab is never part of a string.
		content = bytes.ReplaceAll(content, []byte("\t"), []byte(" "))
	}
	return content, nil
}

func lineOf(content []byte, offset int) int { return 1 + bytes.Count(content[:offset], []byte("\n")) }

// part is the text of one document, and how many lines of the file come before it.
type part struct {
	text   []byte
	before int
}

// split cuts at lines that begin with "---", as kubectl does.
func split(text []byte) []part {
	var parts []part
	begin, beginLine, line := 0, 0, 0
	for offset := 0; offset < len(text); {
		end := offset + 1 + bytes.IndexByte(text[offset:], '\n')
		if end == offset {
			end = len(text)
		}
		if bytes.HasPrefix(text[offset:end], []byte("---")) && !onlyDirectives(text[begin:offset]) {
			parts = append(parts, part{text[begin:offset], beginLine})
			begin, beginLine = offset, line
		}
		offset = end
		line++
	}
	return append(parts, part{text[begin:], beginLine})
}

// onlyDirectives says whether the text is nothing, or directives such as "%YAML 1.1", which belong to the document after them.
func onlyDirectives(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line[0] != '%' && line[0] != '#' && len(bytes.TrimSpace(line)) > 0 {
			return false
		}
	}
	return true
}

func parsePart(file string, p part, limits Limits) ([]document, *Error) {
	at := Position{File: file, Line: p.before + 1}
	if len(bytes.TrimSpace(p.text)) == 0 {
		return nil, nil
	}
	root, err := parseNode(p.text)
	if err != nil {
		return nil, errorAt(syntaxPosition(at, p, err), "%s", syntaxText(err))
	}
	if root == nil || root.Tag == "!!null" {
		return nil, nil
	}
	if err := checkNodes(file, p.before, root, limits); err != nil {
		return nil, err
	}
	at.Line = p.before + root.Line
	encoded, err := yaml.YAMLToJSON(p.text)
	if err != nil {
		return nil, errorAt(syntaxPosition(at, p, err), "%s", syntaxText(err))
	}
	var value any
	if err := utiljson.Unmarshal(encoded, &value); err != nil {
		return nil, errorAt(at, "%v", err)
	}
	content, ok := value.(map[string]any)
	if !ok {
		return nil, errorAt(at, "a manifest is a mapping with apiVersion and kind; this is a %s", nodeText(root))
	}
	d := newDocument(at, content, root, p.before)
	d.encoded = encoded
	return d.flatten()
}

// parseNode gives the content of the only document of text, or nil where there is none.
func parseNode(text []byte) (*yamlv3.Node, error) {
	decoder := yamlv3.NewDecoder(bytes.NewReader(text))
	var node, more yamlv3.Node
	if err := decoder.Decode(&node); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		if err == nil {
			err = fmt.Errorf("yaml: line %d: a second document begins here; separate documents with a line \"---\"", more.Line)
		}
		return nil, err
	}
	if len(node.Content) == 0 {
		return nil, nil
	}
	return node.Content[0], nil
}

func newDocument(at Position, content map[string]any, root *yamlv3.Node, before int) document {
	d := document{at: at, content: &unstructured.Unstructured{Object: content}, root: root, lines: before}
	d.positions = positions{kind: d.line("kind"), name: d.line("metadata", "name"), namespace: d.line("metadata", "namespace")}
	d.digest = digest(d.content)
	return d
}

// line of the node at path, or 0.
func (d document) line(path ...any) int {
	if node := find(d.root, path); node != nil {
		return d.lines + node.Line
	}
	return 0
}

// flatten replaces a List by its items.
func (d document) flatten() ([]document, *Error) {
	kind, _ := d.content.Object["kind"].(string)
	items, isList := d.content.Object["items"].([]any)
	if !isList || !strings.HasSuffix(kind, "List") {
		return []document{d}, nil
	}
	var documents []document
	for i, item := range items {
		node := resolve(find(d.root, []any{"items", i}))
		at := Position{File: d.at.File, Line: d.lines + node.Line}
		content, ok := item.(map[string]any)
		if !ok {
			return nil, errorAt(at, "items[%d] is a %s; every item of a %s is a manifest", i, nodeText(node), kind)
		}
		flat := newDocument(at, content, node, d.lines)
		if _, ok := content["kind"]; !ok && kind != "List" {
			// The items of a typed list, such as ConfigMapList, may leave out what the list says.
			content["kind"], content["apiVersion"] = strings.TrimSuffix(kind, "List"), d.content.Object["apiVersion"]
			flat.digest = digest(flat.content)
		}
		nested, err := flat.flatten()
		if err != nil {
			return nil, err
		}
		documents = append(documents, nested...)
	}
	return documents, nil
}

var yamlLine = regexp.MustCompile(`line (\d+):? ?`)

// syntaxPosition takes the line out of a parser's message.
func syntaxPosition(at Position, p part, err error) Position {
	if match := yamlLine.FindStringSubmatch(err.Error()); match != nil {
		if line, err := strconv.Atoi(match[1]); err == nil && line > 0 {
			at.Line = p.before + line
		}
	}
	return at
}

// syntaxText is a parser's message without its own prefix and line.
func syntaxText(err error) string {
	text := yamlLine.ReplaceAllString(err.Error(), "")
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return "not valid YAML: " + strings.ReplaceAll(strings.TrimSpace(text), "\n", " ")
}
