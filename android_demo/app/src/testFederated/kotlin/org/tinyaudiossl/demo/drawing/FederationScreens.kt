package org.tinyaudiossl.demo.drawing

import java.io.File
import javax.imageio.ImageIO

/** `FederationScreens OUT RES`: the screens of the federated build, as [Look] says. */
fun main(arguments: Array<String>) {
    val out = File(arguments[0])
    for (look in Look.all(Resources(arguments[1]))) {
        ImageIO.write(look.picture("federation", federation(look)), "png", File(out, "federation-${look.name}.png"))
        ImageIO.write(look.picture("history", history(look)), "png", File(out, "history-${look.name}.png"))
    }
}

/** A phone that is enrolled and waits for the night. */
internal fun federation(look: Look): Shown {
    val bars = listOf(Bar(look.text("spent_minutes", 12, 60), 0.2f), Bar(look.text("spent_megabytes", 18.4, 50), 0.368f))
    val overview = Overview(look.text("standing_waiting"), true, bars)
    val scene = OverviewScene(look.palette)
    val texts = mapOf(
        "standing" to look.text("standing_waiting_why", 184),
        "enrollment" to look.text("enrolled", "fl.example.org:8000", "3f8a61c20b9d47e5"),
        "key" to look.text("key", KEY),
        "minutes_label" to look.text("limit_minutes", 60),
        "megabytes_label" to look.text("limit_megabytes", 50),
    )
    return Shown(
        look.strings,
        texts,
        mapOf("OverviewView" to Drawing({ scene.height(it, bars.size) }) { scene.draw(it, overview) }),
        mapOf("minutes" to 5 / 23f, "megabytes" to 4 / 19f),
        setOf("take_part"),
    )
}

/** Two nights. */
internal fun history(look: Look): Shown {
    fun row(title: String, detail: String) = mapOf("row_title" to title, "row_detail" to detail)
    fun sent(round: Int, time: String, seconds: Double) =
        row(look.text("history_sent", round), look.text("history_detail", time, 6.1, seconds))
    fun ended(time: String, megabytes: Double, reason: String) =
        row(look.text("history_ended"), look.text("history_detail_ended", time, megabytes) + "\n" + look.text(reason))
    val refused = look.text("history_detail", "29.11.26 03:02", 0.0, 0.1) + "\n" + look.text("reason_other_app")
    val rows = listOf(
        sent(12, "30.11.26 02:14", 41.0),
        ended("30.11.26 01:58", 3.1, "reason_stopped"),
        sent(11, "30.11.26 01:40", 39.0),
        row(look.text("history_refused", 4), refused),
        ended("29.11.26 02:31", 2.9, "reason_limit"),
        sent(3, "29.11.26 02:05", 44.0),
    )
    return Shown(look.strings, mapOf("summary" to look.text("history_summary", 3, 1, 24.3)), rows = rows)
}

private const val KEY = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBJ0Vt1nPqBq" +
    "W3l8y9cK2m7oYhT4fXr5sDzGe6UuN1jLbQaPcRkVw0iEx2OmZ8tHnSgF7vKdAyJ4pBq9rMuL3eT5oWcXzN1hYsGfVbQ6kRj tiny-audio-device"
