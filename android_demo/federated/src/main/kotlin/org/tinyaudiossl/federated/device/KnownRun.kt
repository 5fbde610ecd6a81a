package org.tinyaudiossl.federated.device

import org.tinyaudiossl.federated.fleet.Run

/**
 * The runs that this device takes part in. It runs no code from a server, so that it can only do
 * what it was made for: the app of one version, with one task and one training artifact.
 *
 * @param appId as Flower names apps: publisher, a slash, name.
 * @param artifactSha256 of this device's own training artifact, in hexadecimal.
 * @param defaults the app's own settings, which a run's may replace.
 */
data class KnownRun(
    val appId: String,
    val appVersion: String,
    val task: String,
    val artifactSha256: String,
    val defaults: Map<String, Any>,
) {
    /**
     * Return the settings of a run.
     * @throws RunRefusedException it is another app's or version's, has another task or artifact, or
     * asks for what this device can't do.
     */
    fun settingsOf(run: Run): RunSettings {
        expect("app", run.appId, appId, Reason.OTHER_APP)
        expect("app version", run.appVersion, appVersion, Reason.OTHER_APP)
        run.settings.keys.firstOrNull { it !in defaults }?.let {
            throw RunRefusedException("the run's setting $it is unknown to version $appVersion")
        }
        val settings = RunSettings(run.settings, defaults)
        expect("task", settings.task, task, Reason.OTHER_MODEL)
        if (settings.artifactSha256.isEmpty()) {
            throw RunRefusedException(
                "the run names no artifact-sha256, without which this device does not know what it trains",
                Reason.OTHER_MODEL,
            )
        }
        expect("artifact-sha256", settings.artifactSha256, artifactSha256, Reason.OTHER_MODEL)
        refuseUnsupported(settings)
        return settings
    }

    private fun expect(name: String, found: String, known: String, otherwise: Reason) {
        if (found != known) {
            throw RunRefusedException("the run's $name is $found; this device takes part only with $known", otherwise)
        }
    }

    private fun refuseUnsupported(settings: RunSettings) {
        if (settings.isSecure && !isMaskable(settings)) {
            throw RunRefusedException(
                "the run uses secure-aggregation with encoding ${settings.text("encoding")} and privacy " +
                    "${settings.text("privacy")}; it takes float32, and none, central or local",
            )
        }
        if (settings.text("norm") == "local") {
            throw RunRefusedException("the run's norm is local; a training artifact needs frozen or group")
        }
        if (settings.text("train-only").isNotEmpty()) {
            throw RunRefusedException("the run trains a part of the model (train-only); this device trains all")
        }
    }

    private fun isMaskable(settings: RunSettings): Boolean =
        settings.encoding == Encoding.FLOAT32 && settings.text("privacy") != "central-adaptive"
}
