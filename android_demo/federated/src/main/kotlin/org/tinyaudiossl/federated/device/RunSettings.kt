package org.tinyaudiossl.federated.device

import java.io.IOException

/** This device does not take part; the message says why, in its log and to the server. */
class RunRefusedException(message: String, val reason: Reason = Reason.UNSUPPORTED) : IOException(message)

/** How the numbers of an update are sent. */
enum class Encoding {
    FLOAT32,
    FLOAT16,
    INT8,
}

/**
 * The settings of a run that concern a device: those that whoever started the run has given, and
 * behind them the app's own [defaults].
 */
class RunSettings(private val given: Map<String, Any>, private val defaults: Map<String, Any>) {
    val task: String get() = text("task")
    val artifactSha256: String get() = text("artifact-sha256")
    val encoding: Encoding get() = choice("encoding", Encoding.entries) { it.name.lowercase() }
    val isPrivate: Boolean get() = text("privacy") != "none"
    val maxWeight: Long get() = whole("max-weight")
    val isSecure: Boolean get() = flag("secure-aggregation")

    /**
     * Return a text.
     * @throws RunRefusedException there is no such setting, or it is not a text.
     */
    fun text(key: String): String = value(key)

    /**
     * Return a whole number.
     * @throws RunRefusedException there is no such setting, or it is not a whole number.
     */
    fun whole(key: String): Long = value(key)

    /**
     * Return a truth value.
     * @throws RunRefusedException there is no such setting, or it is not a truth value.
     */
    fun flag(key: String): Boolean = value(key)

    /**
     * Return a number.
     * @throws RunRefusedException there is no such setting, or it is not a number.
     */
    fun number(key: String): Double = value<Number>(key).toDouble()

    private inline fun <reified T : Any> value(key: String): T {
        val found = given[key] ?: defaults[key]
        return found as? T ?: throw RunRefusedException(
            "the run's setting $key is ${found ?: "missing"}; expected a ${T::class.java.simpleName}",
        )
    }

    private fun <T> choice(key: String, all: List<T>, name: (T) -> String): T = text(key).let { found ->
        all.firstOrNull { name(it) == found }
            ?: throw RunRefusedException("the run's $key is $found; this device knows ${all.joinToString { name(it) }}")
    }
}
