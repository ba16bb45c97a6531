package shell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// killPoll is how often a kill asks whether the application has ended.
const killPoll = 200 * time.Millisecond

// KillAll ends applications, and waits for each; it refuses only where no application was known.
func (s *Shell) KillAll(ctx context.Context, args []string) error {
	known := false
	for _, arg := range args {
		err := s.Kill(ctx, arg)
		var r refusal
		if errors.As(err, &r) {
			var t text
			t.WriteString(r.out)
			if err := s.print(&t); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		known = true
	}
	if !known {
		return refusal{code: exitRefused}
	}
	return nil
}

// Kill ends an application, and waits until it has ended.
func (s *Shell) Kill(ctx context.Context, arg string) error {
	id, err := yarn.ParseApplicationID(arg)
	if err != nil {
		return err
	}
	report, err := s.report(ctx, id)
	if rpc.IsClass(err, rpc.ClassApplicationNotFound) {
		return says("Application with id '%s' doesn't exist in RM.", arg)
	}
	if err != nil {
		return err
	}
	if ended(report) {
		return s.say("Application %s has already finished ", id)
	}
	if err := s.say("Killing application %s", id); err != nil {
		return err
	}
	for {
		resp, err := s.RM.ForceKillApplication(ctx, &yarnpb.KillApplicationRequestProto{ApplicationId: wire.AppID(id)})
		if err != nil {
			return fmt.Errorf("killing %s: %w", id, err)
		}
		if resp.GetIsKillCompleted() {
			return nil
		}
		if err := pause(ctx, killPoll); err != nil {
			return err
		}
	}
}

func ended(a *yarnpb.ApplicationReportProto) bool {
	return yarn.AppState(a.GetYarnApplicationState()).Final()
}

// pause waits for d, or less where ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Move puts an application into another queue.
func (s *Shell) Move(ctx context.Context, arg, queue string) error {
	id, err := yarn.ParseApplicationID(arg)
	if err != nil {
		return err
	}
	report, err := s.report(ctx, id)
	if err != nil {
		return err
	}
	if ended(report) {
		return s.say("Application %s has already finished ", id)
	}
	if err := s.say("Moving application %s to queue %s", id, queue); err != nil {
		return err
	}
	req := &yarnpb.MoveApplicationAcrossQueuesRequestProto{ApplicationId: wire.AppID(id), TargetQueue: proto.String(queue)}
	if _, err := s.RM.MoveApplicationAcrossQueues(ctx, req); err != nil {
		return err
	}
	return s.say("Successfully completed move.")
}

// UpdatePriority gives an application a priority, which the ResourceManager may bound.
func (s *Shell) UpdatePriority(ctx context.Context, arg, value string) error {
	id, err := yarn.ParseApplicationID(arg)
	if err != nil {
		return err
	}
	priority, err := number("priority", value, 32)
	if err != nil {
		return err
	}
	if err := s.say("Updating priority of an application %s", id); err != nil {
		return err
	}
	resp, err := s.RM.UpdateApplicationPriority(ctx, &yarnpb.UpdateApplicationPriorityRequestProto{
		ApplicationId: wire.AppID(id), ApplicationPriority: &yarnpb.PriorityProto{Priority: proto.Int32(int32(priority))}})
	if err != nil {
		return err
	}
	if resp.GetApplicationPriority().GetPriority() == int32(priority) {
		return s.say("Successfully updated the application %s with priority '%d'", id, priority)
	}
	return s.say("Updated priority of an application  %s to cluster max priority OR keeping old priority as application is in final states", id)
}

// UpdateLifetime lets an application live for so many seconds from now.
func (s *Shell) UpdateLifetime(ctx context.Context, arg, value string) error {
	id, err := yarn.ParseApplicationID(arg)
	if err != nil {
		return err
	}
	seconds, err := number("lifetime", value, 64)
	if err != nil {
		return err
	}
	const kind = yarnpb.ApplicationTimeoutTypeProto_APP_TIMEOUT_LIFETIME
	if err := s.say("Updating timeout for given timeoutType: LIFETIME of an application %s", id); err != nil {
		return err
	}
	expiry := s.now().Add(time.Duration(seconds) * time.Second).Format(timeoutForm)
	resp, err := s.RM.UpdateApplicationTimeouts(ctx, &yarnpb.UpdateApplicationTimeoutsRequestProto{ApplicationId: wire.AppID(id),
		ApplicationTimeouts: []*yarnpb.ApplicationUpdateTimeoutMapProto{{ApplicationTimeoutType: kind.Enum(), ExpireTime: proto.String(expiry)}}})
	if err != nil {
		return err
	}
	for _, t := range resp.GetApplicationTimeouts() {
		if t.GetApplicationTimeoutType() == kind && t.GetExpireTime() != expiry {
			return s.say("Updated lifetime of an application %s to queue max/default lifetime. New expiry time is %s", id, t.GetExpireTime())
		}
	}
	return s.say("Successfully updated LIFETIME of an application %s. New expiry time is %s", id, expiry)
}

// FailAttempt fails an attempt; the application tries again where it may.
func (s *Shell) FailAttempt(ctx context.Context, arg string) error {
	id, err := yarn.ParseAttemptID(arg)
	if err != nil {
		return err
	}
	if err := s.say("Failing attempt %s of application %s", id, id.Application); err != nil {
		return err
	}
	_, err = s.RM.FailApplicationAttempt(ctx, &yarnpb.FailApplicationAttemptRequestProto{ApplicationAttemptId: wire.AttemptID(id)})
	return err
}

// Signal sends a container one of Hadoop's signals.
func (s *Shell) Signal(ctx context.Context, arg, command string) error {
	v, ok := yarnpb.SignalContainerCommandProto_value[command]
	if !ok {
		return fmt.Errorf("%s is no signal; there are OUTPUT_THREAD_DUMP, GRACEFUL_SHUTDOWN and FORCEFUL_SHUTDOWN", command)
	}
	id, err := yarn.ParseContainerID(arg)
	if err != nil {
		return err
	}
	if err := s.say("Signalling container %s", id); err != nil {
		return err
	}
	_, err = s.RM.SignalToContainer(ctx, &yarnpb.SignalContainerRequestProto{ContainerId: wire.ContainerID(id), Command: yarnpb.SignalContainerCommandProto(v).Enum()})
	return err
}

// timeoutForm is how times of application time-outs are written on the wire.
const timeoutForm = "2006-01-02T15:04:05.000-0700"
