// matrix_sequencer: control of the matrix engine, one Matrix command after the other.
//   cycles of a command = accel_models.cost.matrix when neither stream stalls
// Golden: the order of accel_models.golden.streams.operand_vectors (tiles in the order of tile_walk).
// start in cycle 0; operands move from cycle MatrixStart on; done_o in the last cycle, MatrixDrain after the last slot;
// the next start in the cycle after that.
// A tile is a row of slots. An operand slot takes one activation vector: one per pixel (depthwise: one per input pixel
// of an output row), and gives the sum of one pixel unless depthwise skips it. Then comes a tail: in outer mode a slot
// per row to drain, else as many empty slots as keep updates of one entry AccumulateLatency apart, stalls or not.
// Combinational paths: both valids -> slot, load; in outer mode, where a slot takes both streams, weight_valid_i ->
// act_ready_o and act_valid_i -> weight_ready_o.
`default_nettype none
module matrix_sequencer #(
  parameter  int unsigned Rows    = 4,
  parameter  int unsigned Columns = 4,
  parameter  int unsigned Entries = 512,
  localparam int unsigned Lanes   = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned IndexW  = $clog2(Lanes),
  localparam int unsigned LanesW  = $clog2(Lanes + 1),
  localparam int unsigned EntryW  = $clog2(Entries)
) (
  input  wire logic              clk_i,
  input  wire logic              rst_ni,
  input  wire logic              start_valid_i,
  output      logic              start_ready_o,
  input  wire logic        [1:0] mode_i,           // the fields of commands.Matrix, registers already read
  input  wire logic              accumulate_i,
  input  wire logic              transposed_i,
  input  wire logic        [5:0] stride_x_i,
  input  wire logic       [11:0] output_height_i,
  input  wire logic       [11:0] output_width_i,
  input  wire logic        [7:0] kernel_height_i,
  input  wire logic        [7:0] taps_i,
  input  wire logic       [15:0] run_bytes_i,
  input  wire logic       [15:0] columns_i,
  input  wire logic [EntryW-1:0] accumulator_i,
  output      logic              done_o,           // last cycle of the command
  input  wire logic              weight_valid_i,
  output      logic              weight_ready_o,
  input  wire logic              act_valid_i,
  output      logic              act_ready_o,
  output      logic        [1:0] mode_o,           // to pe_array
  output      logic              load_o,
  output      logic              load_first_o,
  output      logic              load_column_o,
  output      logic [IndexW-1:0] load_index_o,
  output      logic [LanesW-1:0] load_lanes_o,
  output      logic              swap_o,
  output      logic              slot_o,
  output      logic              slot_first_o,
  output      logic              drain_o,
  output      logic              update_o,         // to the accumulators, one cycle after the slot
  output      logic [EntryW-1:0] entry_o,
  output      logic              zero_o
);
  typedef enum logic [1:0] {Idle, Start, Run, Drain} state_e;

  localparam int unsigned RowsW    = $clog2(Rows + 1);
  localparam int unsigned ColumnsW = $clog2(Columns + 1);
  localparam int unsigned Apart    = matrix_pkg::AccumulateLatency - 1;  // slots between two updates of one entry
  localparam int unsigned TailW    = $clog2(((Rows > Apart) ? Rows : Apart) + 1);

  // States. wait_q: cycles left in Start and Drain, less one.
  state_e     state_q, state_d;
  logic [1:0] wait_q, wait_d;
  logic running, starting, empty, tile_done, last_tile;
  assign running       = state_q == Run;
  assign starting      = state_q == Start;
  assign start_ready_o = state_q == Idle;

  always_comb begin
    state_d = state_q;
    wait_d  = wait_q - 2'd1;
    done_o  = 1'b0;
    unique case (state_q)
      Idle: begin
        wait_d = 2'(matrix_pkg::MatrixStart - 2);
        if (start_valid_i) state_d = Start;
      end
      Start: begin
        if (wait_q == 2'd0) begin
          state_d = empty ? Idle : Run;
          done_o  = empty;
        end
      end
      Run: begin
        wait_d = 2'(matrix_pkg::MatrixDrain - 1);
        if (tile_done && last_tile) state_d = Drain;
      end
      default: begin  // Drain
        if (wait_q == 2'd0) begin
          state_d = Idle;
          done_o  = 1'b1;
        end
      end
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= Idle;
      wait_q  <= '0;
    end else begin
      state_q <= state_d;
      wait_q  <= wait_d;
    end
  end

  // The command. A depthwise tile holds all taps of a kernel row: its loop nest has one tap and one chunk.
  logic        accumulate_q, transposed_q, depthwise, outer;
  logic  [5:0] stride_x_q;
  logic [11:0] height_q, width_q;
  logic  [7:0] kernel_height_q, taps_q, nest_taps;
  logic [15:0] run_bytes_q, columns_q, nest_run_bytes;
  always_ff @(posedge clk_i) begin
    if (start_ready_o) begin
      mode_o          <= mode_i;
      accumulate_q    <= accumulate_i;
      transposed_q    <= transposed_i;
      stride_x_q      <= stride_x_i;
      height_q        <= output_height_i;
      width_q         <= output_width_i;
      kernel_height_q <= kernel_height_i;
      taps_q          <= taps_i;
      run_bytes_q     <= run_bytes_i;
      columns_q       <= columns_i;
    end
  end
  assign depthwise      = mode_o == matrix_pkg::ModeDepthwise;
  assign outer          = mode_o == matrix_pkg::ModeOuter;
  assign nest_taps      = depthwise ? 8'd1 : taps_q;
  assign nest_run_bytes = depthwise ? 16'd1 : run_bytes_q;
  // Without pixels nothing happens. The other sizes are never zero in a checked program: they must not hang it.
  assign empty = height_q == '0 || width_q == '0 || columns_q == '0 || kernel_height_q == '0 || taps_q == '0 ||
                 nest_run_bytes == '0;

  logic weights_ready, loading;
  matrix_loader #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_loader (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .starting_i      (starting),
    .running_i       (running),
    .mode_i          (mode_o),
    .transposed_i    (transposed_q),
    .kernel_height_i (kernel_height_q),
    .taps_i          (taps_q),
    .nest_taps_i     (nest_taps),
    .nest_run_bytes_i(nest_run_bytes),
    .columns_i       (columns_q),
    .tile_done_i     (tile_done),
    .weight_valid_i  (weight_valid_i),
    .loading_o       (loading),
    .ready_o         (weights_ready),
    .load_o          (load_o),
    .load_first_o    (load_first_o),
    .load_column_o   (load_column_o),
    .load_index_o    (load_index_o),
    .load_lanes_o    (load_lanes_o),
    .swap_o          (swap_o)
  );

  // The tile whose sums are being made.
  logic    [RowsW-1:0] tile_rows;
  logic [ColumnsW-1:0] unused_columns;
  logic                first_of_group, last_of_group;
  tile_walk #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_walk (
    .clk_i           (clk_i),
    .start_i         (starting),
    .kernel_height_i (kernel_height_q),
    .taps_i          (nest_taps),
    .run_bytes_i     (nest_run_bytes),
    .columns_i       (columns_q),
    .next_i          (tile_done),
    .rows_o          (tile_rows),
    .columns_o       (unused_columns),
    .first_of_group_o(first_of_group),
    .last_of_group_o (last_of_group),
    .last_o          (last_tile)
  );

  // Slots. skip_q: operand slots before the next sum (depthwise: the chain fills, the stride passes over pixels).
  logic              operand, pixel, row_end, last_pixel;
  logic       [11:0] x_left_q, y_left_q;
  logic        [7:0] skip_q, skip_row, skip_pixel;
  logic        [1:0] slots_q;  // operand slots that the tile has had, at most Apart
  logic  [TailW-1:0] tail_q, tail_length;
  assign skip_row       = depthwise ? taps_q - 8'd1 : '0;
  assign skip_pixel     = depthwise ? 8'(stride_x_q) - 8'd1 : '0;
  assign operand        = running && tail_q == '0 && (outer || weights_ready);
  assign act_ready_o    = operand && (!outer || weight_valid_i);
  assign weight_ready_o = outer ? operand && act_valid_i : loading;
  assign slot_o         = act_ready_o && act_valid_i;
  assign slot_first_o   = slots_q == '0;
  assign pixel          = slot_o && skip_q == '0;
  assign row_end        = pixel && x_left_q == 12'd1;
  assign last_pixel     = row_end && y_left_q == 12'd1;
  assign tail_length    = outer ? TailW'(tile_rows) : TailW'(Apart) - TailW'(slots_q);
  assign tile_done      = (last_pixel && tail_length == '0) || tail_q == TailW'(1);
  assign drain_o        = outer && tail_q != '0;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) tail_q <= '0;
    else if (last_pixel) tail_q <= tail_length;
    else if (tail_q != '0) tail_q <= tail_q - 1'b1;
  end
  always_ff @(posedge clk_i) begin
    if (starting || tile_done) slots_q <= '0;
    else if (slot_o && slots_q != 2'(Apart)) slots_q <= slots_q + 2'd1;
    if (starting || row_end) begin
      x_left_q <= width_q;
      skip_q   <= skip_row;
    end else if (pixel) begin
      x_left_q <= x_left_q - 12'd1;
      skip_q   <= skip_pixel;
    end else if (slot_o) begin
      skip_q   <= skip_q - 8'd1;
    end
    if (starting || last_pixel) y_left_q <= height_q;
    else if (row_end) y_left_q <= y_left_q - 12'd1;
  end

  // Accumulator entries: in dot and depthwise mode every tile of a group goes over the same ones, in outer mode on.
  logic              update;
  logic [EntryW-1:0] entry_q, entry_next, base_q;
  assign update     = outer ? drain_o : pixel;
  assign entry_next = entry_q + EntryW'(update);
  always_ff @(posedge clk_i) begin
    if (start_ready_o) begin
      entry_q <= accumulator_i;
      base_q  <= accumulator_i;
    end else begin
      entry_q <= (tile_done && !outer && !last_of_group) ? base_q : entry_next;
      if (tile_done && last_of_group) base_q <= entry_next;
    end
    entry_o <= entry_q;
    zero_o  <= !accumulate_q && (outer || first_of_group);
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) update_o <= 1'b0;
    else update_o <= update;
  end
endmodule
`default_nettype wire
