{{/* An image: with its digest where there is one, else with its tag. Arguments: root, image. */}}
{{- define "holdfast.image" -}}
{{- $root := index . 0 }}{{ $image := index . 1 -}}
{{- with $root.Values.images.registry }}{{ . }}/{{ end }}{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end }}
{{- end }}

{{/* Of a container. Without user and group where the cluster chooses them (OpenShift). */}}
{{- define "holdfast.securityContext" -}}
runAsNonRoot: true
{{- if not (kindIs "invalid" .Values.user) }}
runAsUser: {{ .Values.user }}
runAsGroup: {{ .Values.user }}
{{- end }}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "holdfast.podSecurityContext" -}}
{{- if kindIs "invalid" .Values.user }}{}{{ else }}{fsGroup: {{ .Values.user }}}{{ end }}
{{- end }}

{{/* Where pods run. Arguments: root, the values of the part, its name. */}}
{{- define "holdfast.placement" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}{{ $name := index . 2 -}}
topologySpreadConstraints:
{{- range $part.spreadOver }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector: {matchLabels: {app.kubernetes.io/name: {{ $name }}}}
{{- else }} []
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 0 }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with get $part $key }}
{{ $key }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Redis with TLS, and a certificate that only a private authority signs. */}}
{{- define "holdfast.redisCaEnv" -}}
{{- if .Values.redis.caSecret }}
- {name: NODE_EXTRA_CA_CERTS, value: /etc/redis-ca/ca.crt}
{{- end }}
{{- end }}
{{- define "holdfast.redisCaMount" -}}
{{- if .Values.redis.caSecret }}
- {name: redis-ca, mountPath: /etc/redis-ca, readOnly: true}
{{- end }}
{{- end }}
{{- define "holdfast.redisCaVolume" -}}
{{- if .Values.redis.caSecret }}
- {name: redis-ca, secret: {secretName: {{ .Values.redis.caSecret }}}}
{{- end }}
{{- end }}

{{/* Every address; on [::] a process takes IPv4 too. */}}
{{- define "holdfast.any" -}}
{{ if .Values.ipv6 }}[::]{{ else }}0.0.0.0{{ end }}
{{- end }}

{{/* Whether injected pods join by their ServiceAccount; empty: they do not. */}}
{{- define "holdfast.join" -}}
{{- if and .Values.injection.enabled .Values.injection.join.enabled }}yes{{ end }}
{{- end }}

{{/* The configuration, with what injected pods get where the chart knows it better; what the values say of it wins. */}}
{{- define "holdfast.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.injection.enabled }}
{{- $injection := dict
  "image" (include "holdfast.image" (list . .Values.images.sidecar))
  "envoyImage" (include "holdfast.image" (list . .Values.images.envoy))
  "controlPlane" (printf "holdfast-control-plane.%s:18000" .Release.Namespace)
  "keepCaBundle" (eq .Values.injection.caBundle "control-plane") }}
{{- with .Values.redis.caSecret }}{{ $_ := set $injection "redisCaSecret" . }}{{ end }}
{{- if .Values.injection.join.enabled }}
{{- $join := dict "address" (printf "holdfast-control-plane.%s:18002" .Release.Namespace) }}
{{- if .Values.redis.caSecret }}{{ $_ := set $join "redisCaFile" "/etc/redis-ca/ca.crt" }}{{ end }}
{{- $_ := set $injection "join" $join }}
{{- end }}
{{- if .Values.ipv6 }}{{ $_ := set $injection "ipv6" true }}{{ $_ := set $injection "listen" "[::]:18002" }}{{ end }}
{{- $known := dict "controlPlane" (dict "kubernetes" (dict "injection" $injection)) }}
{{- $config = mergeOverwrite $known $config }}
{{- end }}
{{- if .Values.mcpServers.enabled }}
{{- $config = mergeOverwrite (dict "controlPlane" (dict "kubernetes" (dict "servers" dict))) $config }}
{{- end }}
{{- if .Values.ipv6 }}
{{- range list "xds" "admin" }}
{{- $_ := set $config.controlPlane . (replace "0.0.0.0" "[::]" (get $config.controlPlane .)) }}
{{- end }}
{{- $_ := set $config.gateway "listenAddress" (replace "0.0.0.0" "::" $config.gateway.listenAddress) }}
{{- end }}
{{- toYaml $config }}
{{- end }}
