package staging

import (
	"fmt"
	"net/url"
	"strconv"

	yarnpb "heddle/hadoop-proto/yarn"
)

// Resource is a file as YARN's localizer wants it described.
type Resource struct {
	URI       string `json:"uri"`
	Size      int64  `json:"size"`
	Timestamp int64  `json:"timestamp"` // ms since 1970
}

// Local describes the file to a NodeManager.
func (r Resource) Local(v yarnpb.LocalResourceVisibilityProto) (*yarnpb.LocalResourceProto, error) {
	u, err := url.Parse(r.URI)
	if err != nil {
		return nil, fmt.Errorf("resource %s: %w", r.URI, err)
	}
	port := int32(-1)
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", r.URI, err)
		}
		port = int32(n)
	}
	return &yarnpb.LocalResourceProto{
		Resource: &yarnpb.URLProto{Scheme: new(u.Scheme), Host: new(u.Hostname()), Port: new(port), File: new(u.Path)},
		Size:     new(r.Size), Timestamp: new(r.Timestamp), Type: yarnpb.LocalResourceTypeProto_FILE.Enum(), Visibility: v.Enum(),
	}, nil
}
