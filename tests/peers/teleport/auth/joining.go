// joining.go lets bots into the cluster: the token, the proof, and then certificates. By
// which endpoint a request came is not its business, but that it is written down.

package main

import (
	"context"
	"sync"
	"time"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"

	"teleport-operator/tests/peers/teleport/kubetoken"
	"teleport-operator/tests/peers/teleport/pki"
)

// firstTTL is the life of a bot's certificate when nothing else is asked for, longestTTL
// the most that can be.
const (
	firstTTL   = time.Hour
	longestTTL = 24 * time.Hour
)

type joining struct {
	*kinds
	cluster *pki.Cluster
	profile profile
	log     joinLog

	mu sync.Mutex
	// kubernetes is who reviews tokens.
	kubernetes kubetoken.Server
	instances  map[string]*instance
	// mutex serves joins one after the other: a token is used once.
	serial sync.Mutex
}

func newJoining(kinds *kinds, cluster *pki.Cluster, profile profile) *joining {
	return &joining{kinds: kinds, cluster: cluster, profile: profile, instances: map[string]*instance{}}
}

func (j *joining) setKubernetes(server kubetoken.Server) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kubernetes = server
}

func (j *joining) reviewer() kubetoken.Server {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.kubernetes
}

// join lets a bot in. The request is as its endpoint received it; who asks with a
// certificate of a bot instance goes on as that instance.
func (j *joining) join(ctx context.Context, endpoint string, r *types.RegisterUsingTokenRequest) (*issued, error) {
	j.serial.Lock()
	defer j.serial.Unlock()
	entry := joinEntry{Endpoint: endpoint, Time: time.Now().UTC(), As: callOf(ctx).subject.BotInstance}
	certificates, err := j.admit(ctx, r, &entry)
	if err != nil {
		entry.Error = trace.UserMessage(err)
	}
	j.log.add(entry)
	return certificates, err
}

func (j *joining) admit(ctx context.Context, r *types.RegisterUsingTokenRequest, entry *joinEntry) (*issued, error) {
	if err := r.CheckAndSetDefaults(); err != nil {
		return nil, trace.Wrap(err)
	}
	token, err := j.token(r)
	if err != nil {
		return nil, err
	}
	method := string(token.GetJoinMethod())
	entry.Method = method
	if token.Spec.BotName != "" {
		entry.User = botName(token.Spec.BotName)
	}
	switch token.GetJoinMethod() {
	case types.JoinMethodToken:
	case types.JoinMethodKubernetes:
		if err := j.proveKubernetes(ctx, token, r.IDToken); err != nil {
			return nil, err
		}
	default:
		return nil, trace.BadParameter("unsupported join method %q for bot", method)
	}
	if r.Role != types.RoleBot {
		return nil, trace.NotImplemented("only bots join here")
	}
	certificates, err := j.admitBot(ctx, token, r, entry)
	if err != nil {
		return nil, err
	}
	if token.GetJoinMethod() == types.JoinMethodToken {
		// A bot's token of this method is good for one join.
		return certificates, j.tokens.drop(withCall(ctx, call{method: joinMethod, trusted: true}), token.GetName())
	}
	return certificates, nil
}

// joinMethod is what the write log shows for what joining writes.
const joinMethod = "join"

// token finds the token of the request, whose role must fit.
func (j *joining) token(r *types.RegisterUsingTokenRequest) (*types.ProvisionTokenV2, error) {
	token, err := j.valid(r.Token)
	if err != nil {
		return nil, trace.AccessDenied("%q can not join the cluster with role %q, token expired or not found", r.NodeName, r.Role)
	}
	if !token.GetRoles().Include(r.Role) {
		return nil, trace.BadParameter("node %q [%v] can not join the cluster, the token does not allow %q role", r.NodeName, r.HostID, r.Role)
	}
	return token, nil
}

// valid finds a token that has not expired.
func (j *joining) valid(name string) (*types.ProvisionTokenV2, error) {
	token, err := j.tokens.read(j.tokens.store, name)
	if err != nil {
		return nil, err
	}
	if expires := token.Expiry(); !expires.IsZero() && expires.Before(j.cluster.Now()) {
		return nil, trace.NotFound("expired")
	}
	return token, nil
}

// admitBot issues the first certificates of a bot, or those of a later join.
func (j *joining) admitBot(ctx context.Context, token *types.ProvisionTokenV2, r *types.RegisterUsingTokenRequest, entry *joinEntry) (*issued, error) {
	name := botName(token.Spec.BotName)
	user, err := j.users.read(j.users.store, name)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	if err := j.checkLocks(pki.Subject{User: name, Roles: user.GetRoles()}); err != nil {
		return nil, err
	}
	keys, err := j.joinKeys(r)
	if err != nil {
		return nil, err
	}
	renewable := token.GetJoinMethod() == types.JoinMethodToken
	step, err := j.enter(ctx, user, string(token.GetJoinMethod()), callOf(ctx).subject)
	if err != nil {
		return nil, err
	}
	entry.User, entry.Instance, entry.Generation = name, step.instance, step.generation
	subject := j.botSubject(user, token.Spec.BotName, step, renewable)
	if j.profile.attributes {
		subject.JoinAttributes = `{"meta":{"join_method":"` + string(token.GetJoinMethod()) + `"}}`
	}
	return j.issue(subject, keys, j.until(r.Expires), allAuthorities(j.cluster))
}

// until is the end of what is asked for, within what a bot may have.
func (j *joining) until(asked *time.Time) time.Time {
	now := j.cluster.Now()
	if asked == nil || asked.IsZero() {
		return now.Add(firstTTL)
	}
	if longest := now.Add(longestTTL); asked.After(longest) {
		return longest
	}
	return *asked
}
