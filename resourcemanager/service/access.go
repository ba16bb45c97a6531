package service

import (
	"strings"
	"sync/atomic"

	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/settings"
)

// Access decides who may do what. The lists of administrators and of the queues may be
// replaced while it is in use.
type Access struct {
	Enabled bool // yarn.acl.enable
	Groups  func(user string) []string
	Owner   string // the user that the ResourceManager runs as; always an administrator
	admins  atomic.Pointer[security.ACL]
	queues  atomic.Pointer[map[string]settings.QueueACLs]
}

// NewAccess makes the rules of a configuration.
func NewAccess(s *settings.Settings, owner string, groups func(string) []string) *Access {
	a := &Access{Enabled: s.ACLEnabled, Groups: groups, Owner: owner}
	a.SetAdmins(s.AdminACL)
	a.SetQueues(s.Queues)
	return a
}

// SetAdmins replaces the administrators.
func (a *Access) SetAdmins(l security.ACL) { a.admins.Store(&l) }

// SetQueues replaces the queues' lists, by path.
func (a *Access) SetQueues(q map[string]settings.QueueACLs) { a.queues.Store(&q) }

// Queue is the lists of the queue at path.
func (a *Access) Queue(path string) settings.QueueACLs { return (*a.queues.Load())[path] }

// Admin reports whether user administers the cluster.
func (a *Access) Admin(user string) bool {
	return user == a.Owner || a.admins.Load().Allows(user, a.Groups)
}

// SubmitTo reports whether user may submit to the queue at path. A right on a queue holds
// for all queues below it, and whoever administers a queue may submit to it; administrators of the cluster
// have no right to a queue by that alone.
func (a *Access) SubmitTo(path, user string) bool {
	if !a.Enabled {
		return true
	}
	for ; path != ""; path = parent(path) {
		q := a.Queue(path)
		if q.Submit.Allows(user, a.Groups) || q.Admin.Allows(user, a.Groups) {
			return true
		}
	}
	return false
}

// Administers reports whether user administers the queue at path.
func (a *Access) Administers(path, user string) bool {
	if !a.Enabled {
		return true
	}
	for ; path != ""; path = parent(path) {
		if a.Queue(path).Admin.Allows(user, a.Groups) {
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
	return !a.Enabled || user == v.User || security.ParseACL(acl).Allows(user, a.Groups) || a.Admin(user) || a.Administers(v.QueuePath, user)
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return ""
	}
	return path[:i]
}
