// usercerts.go answers GenerateUserCerts, which bots use twice: to renew their own
// certificate, and to get one with the roles that they may impersonate.

package main

import (
	"context"
	"slices"
	"time"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/utils/keys"
	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/pki"
)

// GenerateUserCerts signs for the caller's own user.
func (s *authService) GenerateUserCerts(ctx context.Context, r *proto.UserCertsRequest) (*proto.Certs, error) {
	s.joining.serial.Lock()
	defer s.joining.serial.Unlock()
	entry := joinEntry{Endpoint: viaRenewal, Time: time.Now().UTC(), User: callOf(ctx).user}
	if r.UseRoleRequests {
		entry.Endpoint = viaRoles
	}
	certificates, err := s.joining.userCerts(ctx, r, &entry)
	if err != nil {
		entry.Error = trace.UserMessage(err)
		s.joining.log.add(entry)
		return nil, err
	}
	s.joining.log.add(entry)
	return certificates.legacy(), nil
}

func (j *joining) userCerts(ctx context.Context, r *proto.UserCertsRequest, entry *joinEntry) (*issued, error) {
	c := callOf(ctx)
	if c.certificate == nil {
		return nil, trace.AccessDenied("access denied")
	}
	if c.subject.DisallowReissue {
		return nil, trace.AccessDenied("access denied: identity is not allowed to reissue certificates")
	}
	if r.Username != c.user {
		return nil, trace.AccessDenied("access denied: %q can not generate certificates for %q", c.user, r.Username)
	}
	user, err := j.users.read(j.users.store, r.Username)
	if err != nil {
		return nil, err
	}
	if r.UseRoleRequests {
		return j.impersonate(ctx, user, r)
	}
	return j.renewal(ctx, user, r, entry)
}

// impersonate gives the bot's user other roles.
func (j *joining) impersonate(ctx context.Context, user *types.UserV2, r *proto.UserCertsRequest) (*issued, error) {
	if len(r.RoleRequests) == 0 {
		return nil, trace.BadParameter("at least one role request is required")
	}
	for _, role := range r.RoleRequests {
		if _, err := j.roles.read(j.roles.store, role); err != nil {
			return nil, err
		}
	}
	if !j.mayImpersonate(ctx, r.RoleRequests) {
		return nil, trace.AccessDenied("user %q has requested role impersonation for %q", user.GetName(), r.RoleRequests)
	}
	public, err := j.userKeys(r)
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	subject := j.botSubject(user, c.subject.Bot, step{instance: c.subject.BotInstance}, false)
	subject.Roles, subject.Impersonator, subject.DisallowReissue = r.RoleRequests, user.GetName(), true
	subject.JoinAttributes = c.subject.JoinAttributes
	if err := j.checkLocks(subject); err != nil {
		return nil, err
	}
	until := j.until(&r.Expires)
	if own := c.certificate.NotAfter; j.profile.capped && own.Before(until) {
		until = own
	}
	return j.issue(subject, public, until, userAuthorities(j.cluster))
}

func (j *joining) mayImpersonate(ctx context.Context, wanted []string) bool {
	var allowed []string
	for _, role := range j.access.roles(callOf(ctx)) {
		allowed = append(allowed, role.GetImpersonateConditions(types.Allow).Roles...)
	}
	return !slices.ContainsFunc(wanted, func(role string) bool {
		return !slices.Contains(allowed, role) && !slices.Contains(allowed, types.Wildcard)
	})
}

// renewal signs the same subject again: one generation on if it is renewable, and no
// longer than the present certificate if it is not.
func (j *joining) renewal(ctx context.Context, user *types.UserV2, r *proto.UserCertsRequest, entry *joinEntry) (*issued, error) {
	c := callOf(ctx)
	if err := j.checkLocks(c.subject); err != nil {
		return nil, err
	}
	public, err := j.userKeys(r)
	if err != nil {
		return nil, err
	}
	if !c.subject.Renewable {
		return j.issue(c.subject, public, c.certificate.NotAfter, userAuthorities(j.cluster))
	}
	next, err := j.renew(ctx, user, c.subject)
	if err != nil {
		return nil, err
	}
	entry.Instance, entry.Generation = next.instance, next.generation
	subject := c.subject
	subject.Generation = next.generation
	return j.issue(subject, public, j.until(&r.Expires), allAuthorities(j.cluster))
}

// userKeys are the keys of the request: up to version 16 there is only the old field.
func (j *joining) userKeys(r *proto.UserCertsRequest) (publicKeys, error) {
	if !j.profile.separateKeys || (len(r.SSHPublicKey) == 0 && len(r.TLSPublicKey) == 0) {
		public, err := sshKey(r.PublicKey) //nolint:staticcheck // The older versions know no other.
		if err != nil {
			return publicKeys{}, err
		}
		tls, err := cryptoKey(public)
		return publicKeys{tls, public}, err
	}
	var found publicKeys
	var err error
	if len(r.SSHPublicKey) > 0 {
		if found.ssh, err = sshKey(r.SSHPublicKey); err != nil {
			return found, err
		}
	}
	if len(r.TLSPublicKey) > 0 {
		if found.tls, err = keys.ParsePublicKey(r.TLSPublicKey); err != nil {
			return found, trace.Wrap(err)
		}
	}
	return found, nil
}

// checkLocks refuses a subject that is locked out.
func (j *joining) checkLocks(s pki.Subject) error {
	lock, err := j.kinds.lockOf(s)
	if err != nil || lock == nil {
		return err
	}
	text := "lock targeting " + lock.Target().String() + " is in force"
	if message := lock.Message(); message != "" {
		text += ": " + message
	}
	return trace.AccessDenied("%s", text)
}
