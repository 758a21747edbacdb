// Package manifest turns a tree of files into Kubernetes objects, and what is wrong with them into errors of the
// form file:line. It is pure: it reads an fs.FS and nothing else, no network, clock, or cluster.
//
//	fs.FS ──walk──▶ .yaml .yml .json ──split──▶ documents ──strict decode──▶ ┐
//	      └───────▶ kustomization.yaml ──kustomize, inside the tree──▶ ───────┴─▶ []Object, []*Error
//
// What is loaded:
//
//   - Every .yaml, .yml and .json file below the root, with several documents a file and Lists flattened. Files and
//     directories whose name begins with a dot are passed over.
//   - A directory with a kustomization.yaml, kustomization.yml or Kustomization is rendered with kustomize, and neither it nor
//     anything below it is loaded otherwise. So a kustomization at the root is the whole of the tree. Where the root
//     has none, each topmost directory that has one is rendered on its own; those that another kustomization
//     names (bases and components), and single files that one names, are left to it.
//   - Rendering stays inside the tree: an entry that is remote, or leaves the tree, and plugins, functions and Helm
//     charts are refused with the file, line and entry.
//
// One bad object does not stop the others: Load returns the good objects beside the errors. Whoever deletes what is
// missing from the tree must not do so while there are errors.
//
// Objects are shared between loads through a Cache, so they must not be modified.
package manifest
