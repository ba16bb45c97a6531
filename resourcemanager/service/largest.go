package service

import "heddle/yarn"

// Largest is the largest container that the queue at path may be asked for.
func (s *Service) Largest(path string) yarn.Resource {
	return s.Settings.Scheduler.Largest(s.queue(path))
}

// LargestNow is what clients and ApplicationMasters are told of it: no more of each type than the node with most of it has.
// Those that need more give up at once instead of waiting for a node that is not there. Without nodes, and as long after
// the start as nodes have to come back, it is Largest (Hadoop's ClusterNodeTracker.getMaxAllowedAllocation).
func (s *Service) LargestNow(path string) yarn.Resource {
	largest := s.Largest(path)
	if s.Clock().UnixMilli()-s.ClusterTimestamp <= s.Settings.NodesComeBack.Milliseconds() {
		return largest
	}
	if most, ok := s.Core.View().LargestNode(); ok {
		return largest.Min(most)
	}
	return largest
}
