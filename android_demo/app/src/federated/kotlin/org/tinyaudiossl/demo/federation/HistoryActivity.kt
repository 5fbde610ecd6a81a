package org.tinyaudiossl.demo.federation

import android.app.Activity
import android.os.Bundle
import android.view.ViewGroup
import android.widget.TextView
import java.text.DateFormat
import java.util.Date
import org.tinyaudiossl.demo.R
import org.tinyaudiossl.demo.participation.Entry
import org.tinyaudiossl.demo.participation.Participation

/** What this phone has sent and refused, newest first. */
class HistoryActivity : Activity() {

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.history)
        val entries = Phone(this).membership.entries
        findViewById<TextView>(R.id.summary).text = summary(entries)
        val rows = findViewById<ViewGroup>(R.id.rows)
        for (entry in entries) {
            val row = layoutInflater.inflate(R.layout.history_row, rows, false)
            row.findViewById<TextView>(R.id.row_title).text = title(entry)
            row.findViewById<TextView>(R.id.row_detail).text = detail(entry)
            rows.addView(row)
        }
    }

    private fun summary(entries: List<Entry>): String {
        if (entries.isEmpty()) return getString(R.string.history_empty)
        val counts = entries.groupingBy { it.kind }.eachCount()
        val megabytes = entries.sumOf { it.bytes } / 1e6
        return getString(R.string.history_summary, counts[Entry.Kind.SENT] ?: 0, counts[Entry.Kind.REFUSED] ?: 0, megabytes)
    }

    private fun title(entry: Entry): String = when (entry.kind) {
        Entry.Kind.SENT -> getString(R.string.history_sent, entry.round)
        Entry.Kind.REFUSED -> getString(R.string.history_refused, entry.round)
        Entry.Kind.ENDED -> getString(R.string.history_ended)
    }

    private fun detail(entry: Entry): String {
        val time = DateFormat.getDateTimeInstance(DateFormat.SHORT, DateFormat.SHORT).format(Date(entry.timeMs))
        val megabytes = entry.bytes / 1e6
        val spent = when (entry.kind) {
            Entry.Kind.ENDED -> getString(R.string.history_detail_ended, time, megabytes)
            else -> getString(R.string.history_detail, time, megabytes, entry.seconds)
        }
        return if (entry.reason.isEmpty()) spent else "$spent\n${reason(entry)}"
    }

    private fun reason(entry: Entry): String = when (entry.reason) {
        Participation.STOPPED -> getString(R.string.reason_stopped)
        Participation.LIMIT -> getString(R.string.reason_limit)
        else -> entry.reason
    }
}
