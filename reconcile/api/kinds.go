package api

// Kinds are all served kinds, in the order of `kubectl api-resources`.
func Kinds() []Kind {
	return []Kind{
		configMap.Erase(),
		application.Erase(),
	}
}
