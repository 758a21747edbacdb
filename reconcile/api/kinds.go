package api

// Kinds are all served kinds, in the order of `kubectl api-resources`.
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
