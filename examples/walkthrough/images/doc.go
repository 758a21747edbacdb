// Package images makes the images of the walkthroughs, nginx:1.12, nginx:1.13 and redis:3.2, with no registry: of the
// packages of this Debian, whatever their version, tagged as the walkthroughs name them.
//
//	apt-get download ──dpkg-deb -x──▶ tree ──program, files, libraries that it asks for──▶ tar ──docker import──▶ engine
//
// What enters: the names of packages and files, a Docker client. What leaves: images on the engine, some megabytes each.
// An image that is there, made by the same recipe, is left alone, and then nothing is downloaded.
package images
