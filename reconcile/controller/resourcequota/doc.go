// Package resourcequota keeps the status of ResourceQuotas: which amounts are bounded, and what is used of each.
//
// What enters: quotas, and all objects of their namespaces. What leaves: writes of quota statuses.
//
//	ResourceQuota ──────────┐
//	objects ──quota.Meter───┴─▶ Count ─▶ Plan ─▶ write the status │ look again later
//
// The API server charges an object to its quotas before the object is there, so that many made at once do not exceed them. Hence
// what is counted may be less than what is used for a moment, and believing the count then would give the room away twice.
// So a usage is lowered only when nothing has been charged for a while (settle). That also takes back what was
// charged for an object that then was not made. It is raised at once.
package resourcequota
