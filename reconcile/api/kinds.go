package api

// Kinds are all served kinds, in the order of `kubectl api-resources`. Of two that are versions of the same resource the first is
// the one that clients should prefer, and in which it is stored.
func Kinds() []Kind {
	return []Kind{
		configMap.Erase(),
		endpoints.Erase(),
		event.Erase(),
		limitRange.Erase(),
		namespace.Erase(),
		node.Erase(),
		pod.Erase(),
		podTemplate.Erase(),
		replicationController.Erase(),
		resourceQuota.Erase(),
		secret.Erase(),
		serviceAccount.Erase(),
		service.Erase(),
		controllerRevision.Erase(),
		deployment.Erase(),
		replicaSet.Erase(),
		autoscalerV2.Erase(),
		autoscalerV1.Erase(),
		certificateSigningRequest.Erase(),
		lease.Erase(),
		application.Erase(),
		endpointSlice.Erase(),
		eventV1.Erase(),
		podDisruptionBudget.Erase(),
		clusterRoleBinding.Erase(),
		clusterRole.Erase(),
		roleBinding.Erase(),
		role.Erase(),
		priorityClass.Erase(),
	}
}
