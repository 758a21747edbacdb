// Package images builds the demo's images and gives them to a Docker Engine, with no registry and no Dockerfile.
//
// What enters: the source of examples/web, a Docker client, versions. What leaves: images web:v1, web:v2, … on the engine.
//
//	go build ──▶ one static binary ──▶ archive of one layer and a config a version ──▶ engine
//
// All versions share the layer; they differ only in the variable VERSION. The archive is the same bytes each time, so
// images that are there already are left alone.
package images
