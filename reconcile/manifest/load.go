package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Load reads all objects of the tree. Objects come in the order of file and line, and are good by themselves; errors in
// the same order name everything else. Both may be non-empty. An empty tree gives neither.
func Load(files fs.FS, options Options) ([]Object, []*Error) {
	options = options.withDefaults()
	defer options.Cache.endLoad()
	l := &loader{tree: &tree{files: files, limits: options.Limits}, options: options, seen: map[Key]Position{}}
	err := l.load()
	var refused *Error
	switch {
	case errors.As(err, &refused):
		l.errs = append(l.errs, refused)
	case err != nil:
		l.errs = append(l.errs, &Error{Message: err.Error()})
	}
	slices.SortStableFunc(l.objects, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	sortErrors(l.errs)
	return l.objects, l.errs
}

type loader struct {
	tree    *tree
	options Options
	objects []Object
	seen    map[Key]Position
	errs    []*Error
}

func (l *loader) load() error {
	found, errs, err := l.tree.find(l.options.Path)
	l.errs = append(l.errs, errs...)
	if err != nil {
		return err
	}
	for _, file := range found.manifests {
		content, err := l.tree.read(file)
		if errors.Is(err, errTooMuch) {
			return err
		}
		if err != nil {
			l.refuse(asError(file, err))
			continue
		}
		if err := l.addDocuments(l.parse(file, content)); err != nil {
			return err
		}
	}
	for _, dir := range found.kustomizations {
		documents, err := render(l.tree, dir)
		if err != nil {
			l.refuse(asError(dir, err))
			continue
		}
		if err := l.addDocuments(l.check(documents, nil)); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) parse(file string, content []byte) ([]document, []*Error) {
	return l.options.Cache.parse(file, content, func() ([]document, []*Error) {
		return l.check(parse(file, content, l.options.Limits))
	})
}

// check keeps the documents that are good by themselves, and adds what the others have wrong.
func (l *loader) check(documents []document, errs []*Error) ([]document, []*Error) {
	good := documents[:0]
	for _, d := range documents {
		wrong := checkForm(d)
		if len(wrong) == 0 {
			wrong = checkFields(d, l.options.Scheme)
		}
		if len(wrong) > 0 {
			errs = append(errs, wrong...)
			continue
		}
		good = append(good, d.forget())
	}
	return good, errs
}

func (l *loader) addDocuments(documents []document, errs []*Error) error {
	l.errs = append(l.errs, errs...)
	for _, d := range documents {
		if len(l.objects) >= l.options.Limits.Objects {
			return fmt.Errorf("%w: the tree has more than %d objects; split it over several applications", errTooMuch, l.options.Limits.Objects)
		}
		l.add(d)
	}
	return nil
}

// add checks what depends on the destination and on the other objects.
func (l *loader) add(d document) {
	gvk := d.content.GroupVersionKind()
	namespaced, served := l.options.Served(gvk)
	if !served {
		l.refuse(d.errorf(d.positions.kind, "%s is not served here%s", kindText(gvk), kindHint(gvk, l.options.Kinds)))
		return
	}
	content := d.content
	switch namespace := content.GetNamespace(); {
	case namespaced && namespace == "":
		content = withNamespace(content, l.options.Namespace)
	case !namespaced && namespace != "":
		l.refuse(d.errorf(d.positions.namespace, "%s is not in a namespace; remove metadata.namespace", kindText(gvk)))
		return
	}
	object := Object{Key: KeyOf(content), Content: content, Namespaced: namespaced, Position: d.at, Digest: d.digest}
	if first, twice := l.seen[object.Key]; twice {
		l.refuse(d.errorf(d.at.Line, "%s is already at %s; remove one of the two", object.Key, first))
		return
	}
	l.seen[object.Key] = d.at
	l.objects = append(l.objects, object)
}

func (l *loader) refuse(err *Error) { l.errs = append(l.errs, err) }

// withNamespace copies no more than it changes: the content is shared.
func withNamespace(content *unstructured.Unstructured, namespace string) *unstructured.Unstructured {
	object := make(map[string]any, len(content.Object))
	for key, value := range content.Object {
		object[key] = value
	}
	metadata := map[string]any{"namespace": namespace}
	for key, value := range content.Object["metadata"].(map[string]any) {
		if key != "namespace" {
			metadata[key] = value
		}
	}
	object["metadata"] = metadata
	return &unstructured.Unstructured{Object: object}
}

func kindText(gvk schema.GroupVersionKind) string {
	return fmt.Sprintf("kind %s of %s", gvk.Kind, gvk.GroupVersion())
}

func asError(file string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return errorAt(Position{File: file}, "%v", err)
}
