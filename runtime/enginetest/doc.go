// Package enginetest is the contract of runtime.Engine, as a test that every implementation runs.
//
// What enters: an engine, and an image on it that runs package app. What leaves: a failed test for every promise of
// runtime/engine.go that is not kept.
//
//	memory_test.go: Run(t, memory.New, Options{…})   always
//	docker_test.go: Run(t, docker.New, Options{…})   where an engine answers
//
// Beside the contract are the parts that a test of a real engine needs and that want no registry from outside: the image
// as an archive (Archive), and a registry in this process (NewRegistry).
package enginetest
