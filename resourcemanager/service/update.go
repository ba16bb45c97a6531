package service

import (
	"context"
	"errors"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// expiryLayout is how application time-outs are written (yyyy-MM-dd'T'HH:mm:ss.SSSZ).
const expiryLayout = "2006-01-02T15:04:05.000-0700"

// JavaAccessControl is the class that Hadoop names where an application may not be moved to a queue.
const JavaAccessControl = "java.security.AccessControlException"

// modifiable checks that user may change an application that has not ended.
func (s *Service) modifiable(v *core.AppView, user string) error {
	if !s.Access.Modify(v, user) {
		return denied("User %s cannot perform operation MODIFY_APP on %s", user, v.ID)
	}
	return nil
}

// changing is what the calls have in common that change an application: who calls, which one, may he.
func (s *Service) changing(ctx context.Context, id *yarnpb.ApplicationIdProto) (user string, v *core.AppView, err error) {
	if user, err = caller(ctx); err != nil {
		return "", nil, err
	}
	if v, err = s.app(id); err != nil {
		return "", nil, err
	}
	return user, v, s.modifiable(v, user)
}

func (s *Service) updateApplicationPriority(ctx context.Context, req *yarnpb.UpdateApplicationPriorityRequestProto) (*yarnpb.UpdateApplicationPriorityResponseProto, error) {
	user, v, err := s.changing(ctx, req.GetApplicationId())
	if err != nil {
		return nil, err
	}
	priority, err := s.SetPriorityAs(ctx, user, v, req.GetApplicationPriority().GetPriority())
	if err != nil {
		return nil, err
	}
	return &yarnpb.UpdateApplicationPriorityResponseProto{ApplicationPriority: wire.Priority(priority)}, nil
}

// SetPriorityAs changes an application's priority for user; it returns the priority as bounded
// by the cluster's maximum, once it is durable.
func (s *Service) SetPriorityAs(ctx context.Context, user string, v *core.AppView, priority int32) (int32, error) {
	if err := s.modifiable(v, user); err != nil {
		return 0, err
	}
	priority = min(max(priority, 0), s.MaxPriority())
	known, err := s.Core.SetPriority(ctx, v.ID, priority)
	if err != nil {
		return 0, failure(err)
	}
	if !known { // it has ended, and keeps what it had
		return v.Priority, nil
	}
	s.Log.Info("application priority changed", "application", v.ID, "user", user, "priority", priority)
	return priority, nil
}

func (s *Service) moveApplicationAcrossQueues(ctx context.Context, req *yarnpb.MoveApplicationAcrossQueuesRequestProto) (*yarnpb.MoveApplicationAcrossQueuesResponseProto, error) {
	user, v, err := s.changing(ctx, req.GetApplicationId())
	if err != nil {
		return nil, err
	}
	if err := s.MoveAs(ctx, user, v, req.GetTargetQueue()); err != nil {
		return nil, err
	}
	return &yarnpb.MoveApplicationAcrossQueuesResponseProto{}, nil
}

// MoveAs takes an application to another queue for user, who may change it and submit there;
// it returns when the move is durable.
func (s *Service) MoveAs(ctx context.Context, user string, v *core.AppView, queue string) error {
	if err := s.modifiable(v, user); err != nil {
		return err
	}
	path, err := s.Core.LeafPath(queue)
	if err != nil {
		return rpc.Exception(rpc.ClassYarn, "Failed to move %s to %s: %v", v.ID, queue, err)
	}
	if !s.Access.SubmitTo(path, user) {
		return rpc.Exception(rpc.ClassYarn, "%s: User %s cannot submit applications to target queue or the target queue doesn't exist: %s while moving %s", JavaAccessControl, user, queue, v.ID)
	}
	known, err := s.Core.Move(ctx, v.ID, path)
	if errors.Is(err, scheduler.ErrNoMore) {
		return denied("%v: %s", err, v.ID)
	}
	if err != nil {
		return failure(err)
	}
	if !known {
		return rpc.Exception(rpc.ClassYarn, "App in %s state cannot be moved.", v.State)
	}
	s.Log.Info("application moved", "application", v.ID, "user", user, "from", v.QueuePath, "to", path)
	return nil
}

func (s *Service) updateApplicationTimeouts(ctx context.Context, req *yarnpb.UpdateApplicationTimeoutsRequestProto) (*yarnpb.UpdateApplicationTimeoutsResponseProto, error) {
	user, v, err := s.changing(ctx, req.GetApplicationId())
	if err != nil {
		return nil, err
	}
	if len(req.GetApplicationTimeouts()) == 0 {
		return nil, rpc.Exception(rpc.ClassYarn, "At least one ApplicationTimeoutType should be configured for updating timeouts.")
	}
	resp := &yarnpb.UpdateApplicationTimeoutsResponseProto{}
	if v.State.Final() { // nothing is left to change, which is no fault
		resp.ApplicationTimeouts = req.GetApplicationTimeouts()
		return resp, nil
	}
	for _, t := range req.GetApplicationTimeouts() {
		at, err := s.SetTimeoutAs(ctx, user, v, t.GetExpireTime())
		if err != nil {
			return nil, err
		}
		resp.ApplicationTimeouts = append(resp.ApplicationTimeouts, &yarnpb.ApplicationUpdateTimeoutMapProto{
			ApplicationTimeoutType: yarnpb.ApplicationTimeoutTypeProto_APP_TIMEOUT_LIFETIME.Enum(), ExpireTime: new(FormatExpiry(at))})
	}
	return resp, nil
}

// SetTimeoutAs sets the moment, in ISO 8601, at which an application is killed if it still runs.
// It returns the moment (ms) as bounded by the queue's maximum lifetime, once it is durable.
func (s *Service) SetTimeoutAs(ctx context.Context, user string, v *core.AppView, expire string) (int64, error) {
	if err := s.modifiable(v, user); err != nil {
		return 0, err
	}
	t, err := time.Parse(expiryLayout, expire)
	if err != nil {
		return 0, rpc.Exception(rpc.ClassYarn, "Expire time is not in ISO8601 format. ISO8601 supported format is yyyy-MM-dd'T'HH:mm:ss.SSSZ. Configured time is %s", expire)
	}
	at, now := t.UnixMilli(), s.Clock().UnixMilli()
	if at <= now {
		return 0, rpc.Exception(rpc.ClassYarn, "Expire time is less than current time, current-time=%s expire-time=%s", FormatExpiry(now), expire)
	}
	if _, most := s.Lifetimes(v.QueuePath); most > 0 {
		at = min(at, v.SubmitTime+most)
	}
	known, err := s.Core.SetExpiry(ctx, v.ID, at)
	if err != nil {
		return 0, failure(err)
	}
	if !known {
		return 0, rpc.Exception(rpc.ClassYarn, "Application in %s state cannot update timeout.", v.State)
	}
	s.Log.Info("application time-out changed", "application", v.ID, "user", user, "expires", FormatExpiry(at))
	return at, nil
}

// FormatExpiry writes a moment (ms) as Hadoop writes application time-outs.
func FormatExpiry(ms int64) string { return time.UnixMilli(ms).Format(expiryLayout) }

// Lifetime is what a report says of an application's lifetime: the moment of its end and the
// seconds that are left; "UNLIMITED" and -1 without one.
func (s *Service) Lifetime(v *core.AppView) (expires string, seconds int64) {
	if v.Expires <= 0 {
		return "UNLIMITED", -1
	}
	if v.State.Final() {
		return FormatExpiry(v.Expires), 0
	}
	return FormatExpiry(v.Expires), max(0, (v.Expires-s.Clock().UnixMilli())/1000)
}

func (s *Service) timeouts(v *core.AppView) []*yarnpb.AppTimeoutsMapProto {
	kind := yarnpb.ApplicationTimeoutTypeProto_APP_TIMEOUT_LIFETIME.Enum()
	expires, left := s.Lifetime(v)
	return []*yarnpb.AppTimeoutsMapProto{{ApplicationTimeoutType: kind,
		ApplicationTimeout: &yarnpb.ApplicationTimeoutProto{ApplicationTimeoutType: kind, ExpireTime: &expires, RemainingTime: &left}}}
}

// queue is the configuration of the queue at path, nil where there is none.
func (s *Service) queue(path string) *scheduler.QueueConfig {
	if q := s.Core.View().Queue(path); q != nil {
		return &q.Config
	}
	return nil
}

// Lifetimes are a leaf's default and maximum application lifetime in ms, its own or inherited; 0 is none.
func (s *Service) Lifetimes(path string) (def, most int64) {
	for ; path != ""; path = parent(path) {
		q := s.queue(path)
		if q == nil {
			continue
		}
		if def == 0 {
			def = q.DefaultLifetime
		}
		if most == 0 {
			most = q.MaxLifetime
		}
	}
	if def <= 0 || most > 0 && def > most {
		def = most
	}
	return max(def, 0) * 1000, max(most, 0) * 1000
}

// lifetime gives a submission the end that it asked for (seconds, from its context), within what
// its queue allows (Hadoop's checkAndGetApplicationLifetime).
func (s *Service) lifetime(sub *core.Submission, path string) {
	def, most := s.Lifetimes(path)
	asked := sub.Expires - sub.SubmitTime
	if sub.Expires <= 0 {
		asked = def
	}
	if most > 0 {
		asked = min(asked, most)
	}
	sub.Expires = 0
	if asked > 0 {
		sub.Expires = sub.SubmitTime + asked
	}
}

// expires reads the lifetime of a submission context: the moment (ms) when it ends, or 0.
func expires(ctx *yarnpb.ApplicationSubmissionContextProto, id yarn.ApplicationID, submitted int64) (int64, error) {
	for _, t := range ctx.GetApplicationTimeouts() {
		if t.GetTimeout() < 0 {
			return 0, rpc.Exception(rpc.ClassYarn, "Invalid application timeout, value=%d for type=LIFETIME of %s", t.GetTimeout(), id)
		}
		if t.GetTimeout() > 0 && t.GetTimeout() < 1<<40 {
			return submitted + t.GetTimeout()*1000, nil
		}
	}
	return 0, nil
}
