package service

import (
	"strings"

	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/settings"
)

// Access decides who may do what.
type Access struct {
	Enabled bool // yarn.acl.enable
	Admins  security.ACL
	Queues  map[string]settings.QueueACLs
	Groups  func(user string) []string
	Owner   string // the user that the ResourceManager runs as; always an administrator
}

// Admin reports whether user administers the cluster.
func (a *Access) Admin(user string) bool {
	return user == a.Owner || a.Admins.Allows(user, a.Groups)
}

// SubmitTo reports whether user may submit to the queue at path. A right on a queue holds
// for all queues below it, and whoever administers a queue may submit to it.
func (a *Access) SubmitTo(path, user string) bool {
	if !a.Enabled || a.Admin(user) {
		return true
	}
	for ; path != ""; path = parent(path) {
		q := a.Queues[path]
		if q.Submit.Allows(user, a.Groups) || q.Admin.Allows(user, a.Groups) {
			return true
		}
	}
	return false
}

// Administers reports whether user administers the queue at path.
func (a *Access) Administers(path, user string) bool {
	if !a.Enabled || a.Admin(user) {
		return true
	}
	for ; path != ""; path = parent(path) {
		if a.Queues[path].Admin.Allows(user, a.Groups) {
			return true
		}
	}
	return false
}

// View reports whether user may see an application's details.
func (a *Access) View(v *core.AppView, user string) bool { return a.may(v, user, v.ViewACL) }

// Modify reports whether user may change or kill an application.
func (a *Access) Modify(v *core.AppView, user string) bool { return a.may(v, user, v.ModifyACL) }

func (a *Access) may(v *core.AppView, user, acl string) bool {
	return !a.Enabled || user == v.User || security.ParseACL(acl).Allows(user, a.Groups) || a.Administers(v.QueuePath, user)
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return ""
	}
	return path[:i]
}
