{{- /* Names of templates are those of the official chart: as a part of `teleport-cluster`, the chart around this one uses
them, and says where the Auth Service is. */ -}}

{{- define "teleport-cluster.operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* A name given counts even where the release's name contains it: beside other charts of Teleport they must differ. */ -}}
{{- define "teleport-cluster.operator.fullname" -}}
{{- $name := printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) -}}
{{- if and (not .Values.nameOverride) (contains .Chart.Name .Release.Name) -}}
{{- $name = .Release.Name -}}
{{- end -}}
{{- default $name .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "teleport-cluster.operator.serviceAccountName" -}}
{{- coalesce (.Values.serviceAccount).name (include "teleport-cluster.operator.fullname" .) -}}
{{- end -}}

{{- /* As the official chart names it: an operator that takes over from the official one is the same to Teleport. */ -}}
{{- define "teleport-cluster.operator.stateSecret" -}}
{{- printf "%s-shared-state" (include "teleport-cluster.operator.fullname" .) -}}
{{- end -}}

{{- define "teleport-cluster.operator.version" -}}
{{- coalesce .Values.teleportVersionOverride .Chart.Version -}}
{{- end -}}

{{- /* Of what is not in a namespace, this says whose it is. */ -}}
{{- define "teleport-cluster.operator.namespacedRelease" -}}
{{- printf "%s_%s" .Release.Namespace .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "teleport-cluster.operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "teleport-cluster.operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: "operator"
{{- end -}}

{{- define "teleport-cluster.operator.labels" -}}
{{- $version := include "teleport-cluster.operator.version" . -}}
{{ include "teleport-cluster.operator.selectorLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/version: {{ $version | replace "+" "_" | trunc 63 | quote }}
{{- if regexMatch "^v?[0-9]+([.-]|$)" $version }}
teleport.dev/majorVersion: {{ regexFind "[0-9]+" $version | quote }}
{{- end }}
teleport.dev/release: {{ include "teleport-cluster.operator.namespacedRelease" . | quote }}
{{- with .Values.extraLabels }}
{{ include "teleport-cluster.operator.strings" . }}
{{- end }}
{{- end -}}

{{- /* A map whose values become strings, as labels and annotations must be. */ -}}
{{- define "teleport-cluster.operator.strings" -}}
{{- $strings := dict -}}
{{- range $name, $value := . -}}
{{- $_ := set $strings $name (kindIs "string" $value | ternary $value (toYaml $value | trim)) -}}
{{- end -}}
{{- toYaml $strings -}}
{{- end -}}

{{- /* Where this chart is a part of `teleport-cluster`, that one says. */ -}}
{{- define "teleport-cluster.auth.serviceFQDN" -}}{{- end -}}

{{- define "teleport-cluster.operator.teleportAddress" -}}
{{- $auth := include "teleport-cluster.auth.serviceFQDN" . -}}
{{- $address := .Values.teleportAddress -}}
{{- if $auth -}}
{{- printf "%s:3025" $auth -}}
{{- else if not $address -}}
{{- fail "teleportAddress is missing: the address of the Teleport cluster, such as `teleport.example.com:443`." -}}
{{- else if and (eq .Values.joinMethod "kubernetes") (not .Values.teleportClusterName) (not (hasSuffix ":3025" $address)) -}}
{{- fail "teleportClusterName is missing: with the join method `kubernetes` Teleport verifies a token whose audience is the name of the Teleport cluster. Without it only an Auth Service (port 3025) in the same Kubernetes cluster can be joined." -}}
{{- else -}}
{{- $address -}}
{{- end -}}
{{- end -}}

{{- /* `true` where the definitions are installed. A disabled operator keeps those that its release has installed: removing
them would remove all resources in Teleport. */ -}}
{{- define "teleport-cluster.operator.shouldInstallCRDs" -}}
{{- if eq .Values.installCRDs "dynamic" -}}
{{- $known := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "teleportrolesv7.resources.teleport.dev" -}}
{{- $labels := dig "metadata" "labels" dict (default dict $known) -}}
{{- $ours := eq (get $labels "teleport.dev/release") (include "teleport-cluster.operator.namespacedRelease" .) -}}
{{- or .Values.enabled $ours -}}
{{- else -}}
{{- eq .Values.installCRDs "always" -}}
{{- end -}}
{{- end -}}

{{- /* The definitions of the kinds chosen, as {"crds": [...]}. A scoped operator works on kinds with a scope only. */ -}}
{{- define "teleport-cluster.operator.crds" -}}
{{- $chosen := list -}}
{{- $patterns := list -}}
{{- range .Values.kinds -}}
{{- $patterns = append $patterns (. | lower | replace "*" ".*" | replace "?" "." | printf "^%s$") -}}
{{- end -}}
{{- $unused := $patterns -}}
{{- $scoped := or .Values.scope .Values.scoped -}}
{{- range $path, $_ := .Files.Glob "operator-crds/*.yaml" -}}
{{- $crd := $.Files.Get $path | fromYaml -}}
{{- $wanted := not $patterns -}}
{{- range $patterns -}}
{{- if regexMatch . (lower $crd.spec.names.kind) -}}
{{- $wanted = true -}}
{{- $unused = without $unused . -}}
{{- end -}}
{{- end -}}
{{- if $scoped -}}
{{- $wanted = and $wanted (eq "true" (dig "metadata" "annotations" "resources.teleport.dev/scoped" "" $crd)) -}}
{{- end -}}
{{- if $wanted -}}
{{- $chosen = append $chosen $crd -}}
{{- end -}}
{{- end -}}
{{- if and $unused (not .Values.extraMappings) -}}
{{- fail (printf "kinds: there is no kind that matches %s. `teleport-operator kinds` lists them." (first $unused | trimPrefix "^" | trimSuffix "$" | replace ".*" "*" | replace "." "?")) -}}
{{- end -}}
{{- toYaml (dict "crds" $chosen) -}}
{{- end -}}

{{- /* Rules of the Role that the program prints, in parts: {"lease": what it needs to be chosen, "events": what it needs to
tell, "watched": what else it needs where the objects are}. Of the kinds, those chosen. */ -}}
{{- define "teleport-cluster.operator.rules" -}}
{{- $plurals := list -}}
{{- $group := "" -}}
{{- range (include "teleport-cluster.operator.crds" . | fromYaml).crds -}}
{{- $group = .spec.group -}}
{{- $plurals = concat $plurals (list .spec.names.plural (printf "%s/status" .spec.names.plural)) -}}
{{- end -}}
{{- $lease := list -}}
{{- $events := list -}}
{{- $watched := list -}}
{{- range (.Files.Get "operator-role.yaml" | fromYaml).rules -}}
{{- if eq (first .apiGroups) "coordination.k8s.io" -}}
{{- $lease = append $lease . -}}
{{- else if eq (first .apiGroups) "events.k8s.io" -}}
{{- $events = append $events . -}}
{{- else if eq (first .apiGroups) $group -}}
{{- $resources := list -}}
{{- range .resources -}}
{{- if has . $plurals -}}
{{- $resources = append $resources . -}}
{{- end -}}
{{- end -}}
{{- $watched = append $watched (mustMergeOverwrite . (dict "resources" $resources)) -}}
{{- else -}}
{{- $watched = append $watched . -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "lease" $lease "events" $events "watched" (concat $watched (default list (.Values.rbac).extraRules))) -}}
{{- end -}}

{{- /* Checks of a definition in CEL, which Kubernetes knows since 1.25. */ -}}
{{- define "teleport-cluster.operator.withoutValidations" -}}
{{- if kindIs "map" . -}}
{{- $_ := unset . "x-kubernetes-validations" -}}
{{- range . }}{{ include "teleport-cluster.operator.withoutValidations" . }}{{ end -}}
{{- end -}}
{{- end -}}
