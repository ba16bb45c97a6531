// Package wire converts between the domain of package yarn and YARN's protobuf messages.
package wire

import (
	"fmt"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
)

// AppID converts an application id to its message.
func AppID(id yarn.ApplicationID) *yarnpb.ApplicationIdProto {
	return &yarnpb.ApplicationIdProto{Id: new(id.ID), ClusterTimestamp: new(id.ClusterTimestamp)}
}

// AppIDFrom converts an application id from its message; nil gives the zero id.
func AppIDFrom(p *yarnpb.ApplicationIdProto) yarn.ApplicationID {
	return yarn.ApplicationID{ClusterTimestamp: p.GetClusterTimestamp(), ID: p.GetId()}
}

// AttemptID converts an attempt id to its message.
func AttemptID(id yarn.AttemptID) *yarnpb.ApplicationAttemptIdProto {
	return &yarnpb.ApplicationAttemptIdProto{ApplicationId: AppID(id.Application), AttemptId: new(id.Attempt)}
}

// AttemptIDFrom converts an attempt id from its message.
func AttemptIDFrom(p *yarnpb.ApplicationAttemptIdProto) yarn.AttemptID {
	return yarn.AttemptID{Application: AppIDFrom(p.GetApplicationId()), Attempt: p.GetAttemptId()}
}

// ContainerID converts a container id to its message. As Hadoop does, app_id stays unset.
func ContainerID(id yarn.ContainerID) *yarnpb.ContainerIdProto {
	return &yarnpb.ContainerIdProto{AppAttemptId: AttemptID(id.Attempt), Id: new(id.ID)}
}

// ContainerIDFrom converts a container id from its message.
func ContainerIDFrom(p *yarnpb.ContainerIdProto) yarn.ContainerID {
	return yarn.ContainerID{Attempt: AttemptIDFrom(p.GetAppAttemptId()), ID: p.GetId()}
}

// NodeID converts a node id to its message.
func NodeID(id yarn.NodeID) *yarnpb.NodeIdProto {
	return &yarnpb.NodeIdProto{Host: new(id.Host), Port: new(id.Port)}
}

// NodeIDFrom converts a node id from its message.
func NodeIDFrom(p *yarnpb.NodeIdProto) yarn.NodeID {
	return yarn.NodeID{Host: p.GetHost(), Port: p.GetPort()}
}

// Priority converts a priority to its message.
func Priority(n int32) *yarnpb.PriorityProto { return &yarnpb.PriorityProto{Priority: new(n)} }

// Resource converts a resource vector to its message: memory and vcores in their own
// fields and, as Hadoop 3 does, every type in the value map.
func Resource(r yarn.Resource, types *yarn.ResourceTypes) *yarnpb.ResourceProto {
	p := &yarnpb.ResourceProto{Memory: new(r[yarn.Memory]), VirtualCores: new(int32(r[yarn.VCores])),
		ResourceValueMap: make([]*yarnpb.ResourceInformationProto, types.Len())}
	for i := range types.Len() {
		t := types.At(i)
		p.ResourceValueMap[i] = &yarnpb.ResourceInformationProto{Key: new(t.Name), Value: new(r[i]), Units: new(t.Unit),
			Type: yarnpb.ResourceTypesProto_COUNTABLE.Enum()}
	}
	return p
}

// ResourceFrom converts a resource vector from its message. Amounts in another unit of the
// type are converted; an unknown type is an error that names it.
func ResourceFrom(p *yarnpb.ResourceProto, types *yarn.ResourceTypes) (yarn.Resource, error) {
	r := yarn.NewResource(p.GetMemory(), int64(p.GetVirtualCores()))
	for _, v := range p.GetResourceValueMap() {
		i := types.Index(v.GetKey())
		if i < 0 {
			if v.GetValue() == 0 {
				continue
			}
			return r, fmt.Errorf("unknown resource type %q; the cluster's yarn.resource-types does not list it", v.GetKey())
		}
		if i <= yarn.VCores {
			continue // the fields above are what every client sets
		}
		amount, err := yarn.ConvertUnit(v.GetValue(), v.GetUnits(), types.At(i).Unit)
		if err != nil {
			return r, fmt.Errorf("resource type %s: %w", v.GetKey(), err)
		}
		r[i] = amount
	}
	return r, nil
}
