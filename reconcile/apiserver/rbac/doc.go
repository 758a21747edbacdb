// Package rbac decides who may do what by the Roles and ClusterRoles that are bound to users, groups and service accounts.
//
// What enters: those objects, from informers, and the attributes of one request. What leaves: a decision, the rules
// that hold for a user, and refusals of roles and bindings by which somebody would grant more than they have.
//
//	request ─▶ Authorize ─▶ bindings of the user and their groups ─▶ rules of each role ─▶ Allows?
//	write of a role or binding ─▶ Escalation ─▶ do the writer's own rules cover it?
//	start ─▶ Ensure ─▶ the default roles and bindings, where they are missing
//
// Rules only ever allow; what no rule allows is left to the next authorizer. ClusterRoles that aggregate others have their
// rules written by a controller, so nothing here knows of aggregation.
package rbac
