// Package metrics is what Kubernetes' metrics-server is: it asks the nodes what their containers use, and makes rates of it.
//
// What enters: the summaries of the nodes, over the connections that also serve logs. What leaves: the use of Pods and
// nodes now, as metrics.k8s.io tells it.
//
//	caller ──Await──▶ Scraper ──GET /stats/summary, all nodes at once──▶ nodes
//	                     │
//	                     ▼
//	                  samples (the last two of each node) ──▶ Pod, Node: CPU between the two, memory at the last
//
// Nobody is asked while nobody asks: rounds begin with the first call of Await, which waits for two of them, and end some
// minutes after the last. Then all samples are forgotten, too.
package metrics
