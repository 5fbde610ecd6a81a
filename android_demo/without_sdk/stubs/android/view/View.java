package android.view;

import android.content.Context;
import android.content.res.Resources;
import android.graphics.Canvas;
import android.util.AttributeSet;

public class View {
    public interface OnClickListener {
        void onClick(View view);
    }

    public interface OnLongClickListener {
        boolean onLongClick(View view);
    }

    public interface OnTouchListener {
        boolean onTouch(View view, MotionEvent event);
    }

    public static class MeasureSpec {
        public MeasureSpec() {}
        public static int getSize(int spec) { throw new RuntimeException("Stub!"); }
    }

    public View(Context context, AttributeSet attributes) {}

    protected void onDraw(Canvas canvas) { throw new RuntimeException("Stub!"); }
    protected void onMeasure(int width, int height) { throw new RuntimeException("Stub!"); }
    protected final void setMeasuredDimension(int width, int height) { throw new RuntimeException("Stub!"); }
    public void requestLayout() { throw new RuntimeException("Stub!"); }
    public final <T extends View> T findViewById(int id) { throw new RuntimeException("Stub!"); }
    public void invalidate() { throw new RuntimeException("Stub!"); }
    public final int getWidth() { throw new RuntimeException("Stub!"); }
    public final int getHeight() { throw new RuntimeException("Stub!"); }
    public Resources getResources() { throw new RuntimeException("Stub!"); }
    public boolean isEnabled() { throw new RuntimeException("Stub!"); }
    public void setEnabled(boolean enabled) { throw new RuntimeException("Stub!"); }
    public boolean isPressed() { throw new RuntimeException("Stub!"); }
    public void setPressed(boolean pressed) { throw new RuntimeException("Stub!"); }
    public CharSequence getContentDescription() { throw new RuntimeException("Stub!"); }
    public void setContentDescription(CharSequence description) { throw new RuntimeException("Stub!"); }
    public void setOnClickListener(OnClickListener listener) { throw new RuntimeException("Stub!"); }
    public void setOnLongClickListener(OnLongClickListener listener) { throw new RuntimeException("Stub!"); }
    public void setOnTouchListener(OnTouchListener listener) { throw new RuntimeException("Stub!"); }
    public boolean postDelayed(Runnable action, long delayMs) { throw new RuntimeException("Stub!"); }
}
