// Package stories holds what people do with coracle, as scripts: one story a file, in the directory named after the engine
// that it needs. Each runs the real coracle, kubectl, Git and Docker Engine, from outside, as people do.
//
//	engine_test.go      runs the scripts of engine/, each with a Docker Engine that it may kill
//	stories_test.go     runs those of shared/, with the machine's engine, and gives each a port, a node and a network of its own
//	story_test.go       a script's daemon: its start, its end, what is left to clean up
//	commands_test.go    what scripts can say beside testscript's own words: serve, kill9, repository, push, …
//	until_test.go       the programs until and holds, which ask again
//	containers_test.go  the program containers, which asks the engine what runs there
package stories
