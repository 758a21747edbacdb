package api

// Kinds are all served kinds, in the order of `kubectl api-resources`.
func Kinds() []Kind {
	return []Kind{
		configMap.Erase(),
		pod.Erase(),
		replicationController.Erase(),
		endpoints.Erase(),
		event.Erase(),
		limitRange.Erase(),
		namespace.Erase(),
		node.Erase(),
		resourceQuota.Erase(),
		secret.Erase(),
		serviceAccount.Erase(),
		service.Erase(),
		controllerRevision.Erase(),
		lease.Erase(),
		deployment.Erase(),
		replicaSet.Erase(),
		application.Erase(),
		endpointSlice.Erase(),
		eventV1.Erase(),
	}
}
